/* What clang's analyser can't see from one file: setting an error gives false. */
#include "base/error.h"
#define error_set(...) ((void)error_set(__VA_ARGS__), false)
#define error_set_errno(...) ((void)error_set_errno(__VA_ARGS__), false)
