/* Shared by the files about OAuth: oauth.c (registering, and asking people), oauth_page.c (the page for people), oauth_token.c (tokens), oauth_request.c
 * (reading). */
#ifndef WEB_OAUTH_H
#define WEB_OAUTH_H

#include "web/oauth_request.h"
#include "web/web.h"

enum { OAUTH_PAGE_MAX = 64 * 1024, OAUTH_POLICY_MAX = 1024, OAUTH_LOCATION_MAX = 8 * 1024 };

/** What kept somebody from letting a program in. */
enum web_oauth_trouble { OAUTH_NO_TROUBLE, OAUTH_WRONG, OAUTH_OFTEN, OAUTH_NOT_NOW, OAUTH_LIMITED, OAUTH_TROUBLES };

/** Is the body a form (application/x-www-form-urlencoded)? */
bool web_oauth_is_form(const struct http_exchange *exchange);
/** Answers with the page; `program`: what the program calls itself. */
void web_oauth_send_page(struct http_exchange *exchange, const struct web_oauth_request *request, struct slice program, enum web_oauth_trouble trouble);
/** Answers with a page that says that it can't go on: where the browser could be sent back to isn't known to be right. */
void web_oauth_send_fault(struct http_exchange *exchange, const char *what);

#endif
