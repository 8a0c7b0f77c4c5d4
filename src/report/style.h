// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The report's style sheet. Gain and loss are blue and orange: told apart by readers who see red and green
// alike.
#pragma once

namespace headwise {

inline constexpr const char* kReportStyle = R"css(
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1c2128; --soft: #5b6573; --line: #dfe3e8;
  --gain: #2563c9; --loss: #d9730d; --even: #98a1ac; --mark: #eaf1fd; --third: #b0307a;
  --fourth: #12826a; }
@media (prefers-color-scheme: dark) { :root { --page: #12151a; --card: #1b2027; --ink: #e6e9ed; --soft: #9aa5b3;
  --line: #2f3742; --gain: #6ea3f5; --loss: #f0a04b; --even: #6d7783; --mark: #22304a; --third: #f08cc8; --fourth: #55c9ad; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 0 0 4px; overflow-wrap: anywhere; }
h3 { font-size: 15px; margin: 0 0 8px; }
p { margin: 0 0 12px; } section p:last-child { margin: 10px 0 0; } .soft { color: var(--soft); } .small { font-size: 13px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px;
  margin-top: 20px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; color: var(--soft); font-size: 13px; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
td:first-child, th:first-child, td.text, th.text { text-align: left; }
td.text, td:first-child { overflow-wrap: anywhere; }
td:first-child { min-width: 8em; }
td .small { display: block; white-space: nowrap; }
td.best { background: var(--mark); font-weight: 600; } td.best .small { font-weight: 400; }
.up { color: var(--gain); } .down { color: var(--loss); }
.tag { display: inline-block; border: 1px solid var(--line); border-radius: 999px; padding: 0 8px; font-size: 12px;
  color: var(--soft); margin-left: 6px; }
.pair { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 24px; margin: 14px 0 18px; }
.pair.same { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); margin-bottom: 0; }
@media (max-width: 820px) { .pair, .pair.same { grid-template-columns: minmax(0, 1fr); } }
.facts { display: flex; flex-wrap: wrap; gap: 10px 28px; margin: 12px 0 4px; }
.facts div { min-width: 90px; } .facts b { display: block; font-size: 18px; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; } svg text.name { fill: var(--ink); font-size: 13px; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .axis { stroke: var(--soft); stroke-width: 1; }
svg circle { fill-opacity: .75; stroke: var(--card); stroke-width: .7; }
svg .gain { fill: var(--gain); } svg .loss { fill: var(--loss); } svg .even { fill: var(--even); }
svg circle:hover, svg rect:hover { fill-opacity: 1; stroke: var(--ink); stroke-width: 1.5; }
svg .band { fill: var(--mark); } svg .level { stroke: var(--loss); stroke-width: 1.5; stroke-dasharray: 6 4; }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; } svg .curve.gain { stroke: var(--gain); }
svg .curve.even { stroke: var(--even); stroke-dasharray: 4 3; }
svg [class^=ring] { fill: none; stroke-width: 2; pointer-events: none; }
svg .ring0 { stroke: var(--loss); } svg .ring1 { stroke: var(--ink); }
svg .ring2 { stroke: var(--third); } svg .ring3 { stroke: var(--fourth); }
.swatch { display: inline-block; width: 11px; height: 11px; border: 2px solid var(--loss); border-radius: 2px; }
.swatch.ring1 { border-color: var(--ink); } .swatch.ring2 { border-color: var(--third); }
.swatch.ring3 { border-color: var(--fourth); }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; background: currentColor; }
.ramp { display: inline-block; width: 90px; height: 10px; border-radius: 3px; vertical-align: middle;
  background: linear-gradient(90deg, color-mix(in srgb, var(--gain) 5%, transparent), var(--gain)); }
.chip { display: inline-block; border: 1px solid var(--line); border-radius: 6px; padding: 0 6px; margin: 0 4px 4px 0;
  font-size: 13px; font-variant-numeric: tabular-nums; }
th.named { min-width: 190px; } td p { margin: 4px 0 0; }
td p.small { white-space: normal; } table.matrix td, table.matrix th { text-align: center; }
table.matrix td:first-child { text-align: left; } h3.next { margin-top: 20px; }
)css";

}  // namespace headwise
