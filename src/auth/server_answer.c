/* How questions of the web role are answered: sessions, app passwords, OAuth. */
#include "auth/server_internal.h"

struct buf auth_server_begin_answer(enum auth_web status)
{
	struct buf answer = {.max = CALL_ANSWER_MAX, .secret = true};
	wire_put_number(&answer, status);
	return answer;
}

enum auth_web auth_server_status(bool done, const struct error *error, enum auth_web invalid, const char *what)
{
	if (done)
		return AUTH_WEB_DONE;
	switch (error->kind) {
	case ERROR_DENIED:
		return AUTH_WEB_NONE;
	case ERROR_INVALID:
		return invalid;
	case ERROR_LIMIT:
		return AUTH_WEB_FULL;
	default:
		log_error("directory.failed", log_text("what", what), log_text("reason", error->text));
		return AUTH_WEB_TEMPORARY;
	}
}
