// SPDX-License-Identifier: MIT
#include <asyncio/outcome.h>

#include <asyncio/error.h>

#include "base/exception_abi.h"
#include "base/names.h"

#include <typeinfo>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

std::string detail::text_of(const std::exception_ptr& error) {
  if (error == nullptr) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& told) {
    return what_of(told);
  } catch (const CancelledError& told) {
    return told.what();
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text != nullptr ? text : "";
  } catch (...) {
    return describe(error);
  }
}

std::error_code detail::error_code_of(const std::exception_ptr& error) {
  if (error == nullptr) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& system_error) {
    return system_error.code();
  } catch (...) {
    return {};
  }
}

std::exception_ptr detail::exception_of(std::error_code error) {
  if (error == std::errc::timed_out) return std::make_exception_ptr(TimeoutError());
  return std::make_exception_ptr(std::system_error(error));
}

bool detail::is_cancelled_error(const std::exception_ptr& error) noexcept {
  return is_a(error, typeid(CancelledError));
}

bool detail::passes_outcomes(const std::exception_ptr& error) noexcept {
  return is_cancelled_error(error) || is_exit(error);
}

}  // namespace asyncio::inline ASYNCIO_ABI
