// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What the explanation's page adds to the reports' style sheet. A token carries one number a view, --w0 the
// sum over heads, --w1.. single heads, --a0.. the same of the uncalibrated attention; the chosen radio
// buttons say which of them is --x. Alpha outside 0..1 is clamped, so one layer shows what is positive, the
// other what is negative.
#pragma once

namespace headwise {

inline constexpr const char* kExplanationStyle = R"css(
:root { --for: 37 110 235; --against: 235 120 10; }
@media (prefers-color-scheme: dark) { :root { --for: 70 140 255; --against: 245 130 30; } }
main > input { position: absolute; opacity: 0; pointer-events: none; }
.bar { position: sticky; top: 0; z-index: 1; display: grid; gap: 8px; padding: 14px 22px; box-shadow: 0 4px 14px rgb(0 0 0 / .08); }
.choice { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.choice > span { min-width: 64px; }
.choice label { border: 1px solid var(--line); border-radius: 999px; padding: 1px 11px; cursor: pointer; font-size: 13px;
  font-variant-numeric: tabular-nums; }
label:hover { border-color: var(--gain); }
.ramp { display: inline-block; width: 190px; height: 14px; border-radius: 4px; border: 1px solid var(--line);
  background: linear-gradient(90deg, rgb(var(--against) / .8), rgb(var(--against) / 0) 50%, rgb(var(--for) / 0) 50%, rgb(var(--for) / .8)); }
.ramp.up { background: linear-gradient(90deg, rgb(var(--for) / 0), rgb(var(--for) / .8)); }
.k { display: none; font-variant-numeric: tabular-nums; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; margin-bottom: 10px; }
.head h2 { margin: 0; } .head .score { margin-left: auto; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.rank { display: inline-block; min-width: 30px; color: var(--soft); font-weight: 400; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 17px; line-height: 1.85; margin: 0 0 16px; max-width: 88ch; }
.t { --x: 0; border-radius: 3px; padding: 2px 0; background-color: rgb(var(--for) / calc(var(--x) * .8));
  background-image: linear-gradient(rgb(var(--against) / calc(var(--x) * -.8)), rgb(var(--against) / calc(var(--x) * -.8))); }
.t:hover { outline: 2px solid var(--ink); outline-offset: -1px; }
.t.d { text-decoration: underline dotted var(--soft); text-underline-offset: 4px; }
.two { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 10px 34px; }
@media (max-width: 760px) { .two { grid-template-columns: minmax(0, 1fr); } .bar { position: static; } }
.rows { display: grid; grid-template-columns: minmax(54px, max-content) max-content minmax(0, 1fr); gap: 3px 12px; align-items: center;
  font-size: 13px; font-variant-numeric: tabular-nums; }
.rows > span:nth-child(3n+2) { text-align: right; } .rows .name { max-width: 150px; overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.rows label { cursor: pointer; } .rows label:hover { text-decoration: underline; }
.track { position: relative; height: 12px; } .track i { position: absolute; top: 0; bottom: 0; border-radius: 3px; min-width: 1px; }
.track i.gain { background: rgb(var(--for) / .8); } .track i.loss { background: rgb(var(--against) / .8); }
.track::before { content: ""; position: absolute; top: -2px; bottom: -2px; left: var(--zero); border-left: 1px solid var(--line); }
@media print { .bar { position: static; box-shadow: none; } .t, .track i, .ramp { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
)css";

}  // namespace headwise
