// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the few elements that the reports' pictures are made of. Colours come from the page's
// style sheet (report/style.h) through classes, so that they follow light and dark.
#pragma once

#include <string>

namespace headwise {

// The drawing area inside the picture; the rest is for axes.
struct SvgFrame {
  double left, top, right, bottom;
  double x(double share) const { return left + share * (right - left); }
  double y(double share) const { return bottom - share * (bottom - top); }
};

// ' name="value"' with one digit.
std::string svg_attribute(const char* name, double value);
std::string svg_line(const char* kind, double x1, double y1, double x2, double y2);
// `content` is plain text, `more` further attributes.
std::string svg_text(const char* anchor, double x, double y, const std::string& content,
                     const char* more = "");
// `name` is plain text, read out in place of the picture.
std::string svg_picture(int width, int height, const std::string& name, const std::string& body);
// At most three digits, none of them an idle zero.
std::string svg_tick(double value);

}  // namespace headwise
