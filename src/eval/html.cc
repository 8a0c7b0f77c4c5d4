// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "eval/html.h"

#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "eval/report_style.h"

namespace headwise {

std::string html_page(std::string_view title, std::string_view heading, std::string_view body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
         html_text(title) + "</title><style>" + kReportStyle + "</style></head>\n<body><main><h1>" +
         html_text(heading) + "</h1>" + std::string(body) + "</main></body></html>\n";
}

std::string html_fact(std::string_view name, std::string_view value) {
  return "<div><span class=\"soft small\">" + std::string(name) + "</span><b>" + std::string(value) +
         "</b></div>";
}

std::string html_text(std::string_view text) {
  std::string escaped;
  for (char c : replace_invalid_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '\n':
      case '\t':
        escaped += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

std::string fixed_digits(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string signed_digits(double value, int digits) {
  std::string size = fixed_digits(std::abs(value), digits);
  if (size.find_first_not_of("0.") == std::string::npos) return size;
  return (value > 0.0 ? "+" : "\xE2\x88\x92") + size;  // U+2212, as wide as '+'
}

}  // namespace headwise
