/* Errors as values; see error.h. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	if (!error)
		return false;
	va_list args;
	va_start(args, format);
	error->kind = kind;
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	return false;
}

bool error_set_errno(struct error *error, int number, const char *format, ...)
{
	if (!error)
		return false;
	va_list args;
	va_start(args, format);
	int len = vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	error->kind = number == ENOSPC || number == EDQUOT ? ERROR_FULL : ERROR_TEMPORARY;
	if (len >= 0 && (size_t)len < sizeof error->text) {
		char reason[128];
		/* GNU's variant, which returns the text; it need not be in `reason`. */
		snprintf(error->text + len, sizeof error->text - (size_t)len, ": %s", strerror_r(number, reason, sizeof reason));
	}
	return false;
}
