#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace anser {

/// Everything a user can cause and mend: one line that names the file, the tensor and the mend.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A loss, a gradient or a logit was not finite: whoever knows the files may look for what is to blame.
struct NotFinite : Error {
  using Error::Error;
};

/// All arguments streamed into one string.
template <class... A>
std::string concat(const A&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... A>
[[noreturn]] void fail(const A&... parts) {
  throw Error(concat(parts...));
}

/// Throws Error with the streamed parts unless `ok`. The parts are only streamed on failure.
template <class... A>
void check(bool ok, const A&... parts) {
  if (!ok) [[unlikely]]
    fail(parts...);
}

}  // namespace anser
