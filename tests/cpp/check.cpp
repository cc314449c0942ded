#include "check.h"

int main() {
  for (const check::Case& c : check::cases()) {
    int before = check::failures();
    try {
      c.run();
    } catch (const std::exception& e) {
      check::report(c.name, 0, thalweg::str("threw ", e.what()));
    }
    std::cout << (check::failures() == before ? "ok   " : "FAIL ") << c.name << "\n";
  }
  return check::failures() != 0;
}
