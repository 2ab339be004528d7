/// Ends the process when `condition` does not hold: what libFuzzer and the test of the corpus count as a finding. Unlike a
/// precondition's, the words are printed in optimised builds.
func expect(_ condition: @autoclosure () -> Bool, _ finding: @autoclosure () -> String) {
    guard condition() else { fatalError(finding()) }  // libFuzzer wants the process to die of a finding
}
