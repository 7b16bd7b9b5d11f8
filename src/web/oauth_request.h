/* What programs ask for (RFC 6749, 7009, 7636, 8707): pure, over a query or a form. */
#ifndef WEB_OAUTH_REQUEST_H
#define WEB_OAUTH_REQUEST_H

#include "auth/auth.h"

enum {
	OAUTH_STATE_MAX = 1024,   /* bytes of each parameter: */
	OAUTH_SCOPE_MAX = 1024,
	OAUTH_HINT_MAX = 320,
	OAUTH_RESOURCE_MAX = 500, /* … and of all resources, separated by blanks: */
	OAUTH_RESOURCES_MAX = 2000,
	OAUTH_FORM_MAX = 16 * 1024,
};

struct web_oauth_request {
	struct slice client_id, redirect_uri, response_type, code_challenge, code_challenge_method, state, scope, login_hint;
	struct slice resource; /* all, separated by blanks */
	struct slice name, password, answer; /* of the form: who allows it */
	struct slice grant_type, code, code_verifier, refresh_token, token; /* of programs that want tokens, or their end */
	bool twice;            /* a parameter stands there twice, or is too long or malformed */
	unsigned scopes;       /* web_oauth_request_check() */
};

/** Reads the parameters; those that are there twice keep the first value. Decoded, in the arena. */
void web_oauth_request_read(struct slice form, struct arena *arena, struct web_oauth_request *request);
/** What is wrong, in the words of RFC 6749 §4.1.2.1; NULL: nothing. Client and redirect URI are for others to look at. `host` and `other`: this server's
 * names, which resources must be at. */
const char *web_oauth_request_check(struct web_oauth_request *request, struct slice host, struct slice other);
/** Which scopes are meant (enum auth_scope); empty: those of a mail program. 0: none of them is known. */
unsigned web_oauth_scopes_parse(struct slice words);
/** The words for scopes that were granted, and that they last (offline_access). */
const char *web_oauth_scopes_text(unsigned scopes);
/** Appends percent-encoded text (RFC 3986 §2.1). */
void web_oauth_put_encoded(struct buf *out, struct slice text);
/** Appends text as HTML has it, also between quotes. */
void web_oauth_put_html(struct buf *out, struct slice text);
/** The sources of a Content-Security-Policy's form-action: ours, and where the browser is sent from there. */
void web_oauth_put_form_action(struct buf *out, struct slice redirect);

#endif
