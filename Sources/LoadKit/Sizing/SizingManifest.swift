/// A plan as a kustomize component for the manifests under k8s/, for an overlay that has the autoscaler.
package struct SizingManifest: Sendable {
    private let plan: SizingPlan

    package init(plan: SizingPlan) { self.plan = plan }

    package var component: String {
        let plan = self.plan
        let cores = "\(Int((plan.assumptions.podCores * 1_000).rounded()))m"
        let memory = "\(Int(plan.assumptions.podMemory / 1_048_576))Mi"
        return """
            # Made by `cardume-bench sizing` for \(SizingPlan.n(plan.rate)) messages/s: \(plan.pods) workers of \(plan.slotsPerPod) slots, \(plan.gateways) gateways.
            # In an overlay: components: [path/to/this/folder]. Besides, the configuration needs `pools.default.slots: \(plan.slotsPerPod)`, and
            # for each assistant `slots` of what it may take of them.
            apiVersion: kustomize.config.k8s.io/v1alpha1
            kind: Component
            patches:
              - patch: |-
                  apiVersion: apps/v1
                  kind: Deployment
                  metadata: { name: cardume-worker }
                  spec:
                    template:
                      spec:
                        containers:
                          - name: cardume
                            env:
                              - { name: CARDUME_SLOTS, value: "\(plan.slotsPerPod)" }
                              - { name: CARDUME_DATABASE_CONNECTIONS, value: "\(plan.databaseConnections)" }
                            resources:
                              requests: { cpu: \(cores), memory: \(memory) }
                              limits: { memory: \(memory) }
              - target: { kind: HorizontalPodAutoscaler, name: cardume-worker }
                patch: |-
                  - { op: replace, path: /spec/minReplicas, value: \(plan.pods) }
                  - { op: replace, path: /spec/maxReplicas, value: \(plan.maximumPods) }
                  - { op: replace, path: /spec/metrics/0/external/target/averageValue, value: \(Int((plan.target * 1_000).rounded()))m }
              # Where k8s/components/gateway-autoscaler counts gateways, its minReplicas instead.
              - patch: |-
                  apiVersion: apps/v1
                  kind: Deployment
                  metadata: { name: cardume-gateway }
                  spec: { replicas: \(plan.gateways) }

            """
    }
}
