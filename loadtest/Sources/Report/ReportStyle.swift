/// How the report looks: light, dark as the reader's system says, and on paper.
enum ReportStyle {
    static let css = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --ink: #17202c; --soft: #5c6a7b; --line: #dfe4ea; --grid: #e9edf1;
          --good: #13795b; --bad: #b42318; --warn: #a15c07; --good-back: #e3f4ec; --bad-back: #fdeceb; --warn-back: #fdf2e0;
          --s1: #2563a8; --s2: #c2571a; --s3: #7a3fa0; --s4: #16846c; --heat: #1f5fa8;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #10151c; --card: #18202a; --ink: #e8edf3; --soft: #9aa8b8; --line: #2b3644; --grid: #232d39;
            --good: #5fd0a5; --bad: #ff8a80; --warn: #f2b866; --good-back: #14352b; --bad-back: #43201e; --warn-back: #3c2d13;
            --s1: #6cb0f5; --s2: #f29b62; --s3: #c79be8; --s4: #5fd0b5; --heat: #6cb0f5;
          }
        }
        @media print {
          :root {
            color-scheme: light;
            --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --grid: #ddd;
            --good: #0b5d44; --bad: #9b1c13; --warn: #7d4705; --good-back: #fff; --bad-back: #fff; --warn-back: #fff;
            --s1: #1d4f88; --s2: #a3440e; --s3: #5f2f80; --s4: #0f6b57; --heat: #1d4f88;
          }
          section, .card { break-inside: avoid; box-shadow: none !important; }
          body { font-size: 10pt; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
        main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 48px; }
        header { display: flex; justify-content: space-between; align-items: flex-start; gap: 24px; flex-wrap: wrap; }
        h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
        h2 { font-size: 17px; margin: 0 0 2px; }
        .soft, .note { color: var(--soft); }
        .note { margin: 0 0 12px; font-size: 13.5px; max-width: 80ch; }
        .badge { font-size: 20px; font-weight: 650; padding: 8px 18px; border-radius: 8px; border: 1px solid currentColor; }
        .passed { color: var(--good); background: var(--good-back); }
        .failed { color: var(--bad); background: var(--bad-back); }
        .invalid { color: var(--warn); background: var(--warn-back); }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 12px; margin: 24px 0; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 14px; }
        .card b { display: block; font-size: 22px; font-weight: 650; letter-spacing: -0.01em; white-space: nowrap; }
        .card span { color: var(--soft); font-size: 13px; line-height: 1.35; display: block; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin: 16px 0; }
        section.reasons { border-color: currentColor; }
        section.reasons ul { margin: 6px 0 0; padding-left: 20px; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
        th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); }
        th, td { padding: 6px 10px 6px 0; vertical-align: top; }
        td { border-bottom: 1px solid var(--grid); }
        tr:last-child td { border-bottom: 0; }
        th.n, td.n { text-align: right; padding: 6px 0 6px 12px; white-space: nowrap; }
        th.n + th:not(.n), td.n + td:not(.n) { padding-left: 24px; }
        td:first-child { white-space: nowrap; }
        td .ok { color: var(--good); font-weight: 600; } td .no { color: var(--bad); font-weight: 600; }
        code { font: 12.5px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--soft); font: 12px system-ui, "Segoe UI", Roboto, sans-serif; }
        svg .grid { stroke: var(--grid); } svg .axis { stroke: var(--line); } svg .step { stroke: var(--line); stroke-dasharray: 3 4; }
        svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
        svg .s1 { stroke: var(--s1); } svg .s2 { stroke: var(--s2); } svg .s3 { stroke: var(--s3); } svg .s4 { stroke: var(--s4); }
        svg .heat { fill: var(--heat); }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 6px 0 0; }
        .legend i { display: inline-block; width: 18px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
        i.s1 { background: var(--s1); } i.s2 { background: var(--s2); } i.s3 { background: var(--s3); } i.s4 { background: var(--s4); }
        footer { color: var(--soft); font-size: 13px; margin-top: 20px; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; font-size: 13.5px; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        """
}
