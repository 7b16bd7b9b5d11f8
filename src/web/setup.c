/* What is answered while there is no instance yet (`pombal setup`, main/setup.h): the page of the administration, and its interface, which asks for the code that was
 * printed at the terminal. */
#include "admin/admin.h"
#include "admin/codes.h"
#include "web/web.h"

enum { SETUP_REQUEST_MAX = 8192 };

static const char *refusal(int status, const char *why, struct buf *body)
{
	if (status != 401)
		return web_admin_refusal(status, why, body);
	admin_write_error(body, ADMIN_SET_UP, SLICE("this server is being set up: the code is wanted that `pombal setup` has printed"));
	return "application/json";
}

static enum net_run lead_on(struct http_exchange *exchange)
{
	http_redirect(exchange, 303, SLICE("/admin"));
	return RUN_DONE;
}

/* No page of another site can send a code: none of these rows is open, so browsers let no other's script add the field that bears it. */
const struct http_route web_setup_routes[] = {
	{.methods = HTTP_GET, .path = "/admin/who", .right = HTTP_SHOWS, .refusal = refusal, .unit = UNIT_ASK, .run = web_admin_who, .drop = web_admin_drop, .about = "Is that the code?"},
	{.methods = HTTP_POST, .path = "/admin/call", .right = HTTP_SHOWS, .refusal = refusal, .unit = UNIT_ASK, .body_max = SETUP_REQUEST_MAX, .run = web_admin_call, .drop = web_admin_drop,
	 .about = "The rows `init` and `dns name` of the command line."},
	{.methods = HTTP_GET, .path = "/", .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = lead_on, .about = "Leads to the page."},
	{.methods = HTTP_GET, .path = "/admin", .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_file, .about = "The page."},
	{.methods = HTTP_GET, .path = "/assets/*", .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_file, .about = "What it is made of."},
	{.methods = HTTP_GET, .path = "/dove.svg", .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_file, .about = "Its picture."},
};
const size_t web_setup_route_count = sizeof web_setup_routes / sizeof *web_setup_routes;
