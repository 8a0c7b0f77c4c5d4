// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/svg.h"

#include "report/html.h"

namespace headwise {

std::string svg_attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + fixed_digits(value, 1) + "\"";
}

std::string svg_line(const char* kind, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + kind + "\"" + svg_attribute("x1", x1) + svg_attribute("y1", y1) +
         svg_attribute("x2", x2) + svg_attribute("y2", y2) + "/>";
}

std::string svg_text(const char* anchor, double x, double y, const std::string& content, const char* more) {
  return std::string("<text text-anchor=\"") + anchor + "\"" + svg_attribute("x", x) + svg_attribute("y", y) +
         more + ">" + html_text(content) + "</text>";
}

std::string svg_picture(int width, int height, const std::string& name, const std::string& body) {
  return "<svg viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
         "\" role=\"img\" aria-label=\"" + html_text(name) + "\">" + body + "</svg>\n";
}

std::string svg_tick(double value) {
  std::string shown = fixed_digits(value, 3);
  while (shown.ends_with('0')) shown.pop_back();  // three digits: the point stops this
  if (shown.ends_with('.')) shown.pop_back();
  return shown;
}

}  // namespace headwise
