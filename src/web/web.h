/* What the web role answers: the table of routes (routes.c), and what its functions share.
 *
 *   routes.c      the table
 *   sign_in.c     sessions: signing in and out, the list of them
 *   accounts.c    several accounts side by side in one browser
 *   app_passwords.c   passwords for a program each
 *   oauth*.c      letting programs in with OAuth
 *   events.c      what is told to pages that are open
 *   admin.c       administration
 *   outside.c     what is fetched from elsewhere for letters that are read
 *   files.c       static files, which are part of the program
 *   settings.c    what mail clients set themselves up with
 *   setup.c       what is answered while there is no instance yet
 *   known.c       what must be found at fixed places: policies, proofs for certificate authorities */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <jansson.h>

#include "http/http.h"

struct web_watch;
/** The context of the routes' functions. */
struct web_service {
	struct auth *auth;
	struct web_watch *watch; /* who waits for news */
	struct caller *fetcher;  /* who goes out for our people */
	struct caller *admin;    /* who does what administrators want */
};
extern const struct http_route web_routes[];
extern const size_t web_route_count;
/** What is answered before there is an instance (main/setup.h); of web_service it needs `admin` alone. */
extern const struct http_route web_setup_routes[];
extern const size_t web_setup_route_count;

/** An account's mail has changed: tells the pages that are open. Any thread. */
struct web_watch *web_watch_new(void);
void web_watch_announce(struct web_watch *watch, struct slice account);
void web_watch_free(struct web_watch **watch);

enum net_run web_sign_in(struct http_exchange *exchange);
enum net_run web_sign_out(struct http_exchange *exchange);
enum net_run web_who(struct http_exchange *exchange);
enum net_run web_accounts(struct http_exchange *exchange);
enum net_run web_list_sessions(struct http_exchange *exchange);
enum net_run web_end_session(struct http_exchange *exchange);
enum net_run web_make_app_password(struct http_exchange *exchange);
enum net_run web_list_app_passwords(struct http_exchange *exchange);
enum net_run web_end_app_password(struct http_exchange *exchange);
enum net_run web_oauth_metadata(struct http_exchange *exchange);
enum net_run web_oauth_resource(struct http_exchange *exchange);
enum net_run web_oauth_register(struct http_exchange *exchange);
enum net_run web_oauth_ask(struct http_exchange *exchange);
enum net_run web_oauth_answer(struct http_exchange *exchange);
enum net_run web_oauth_token(struct http_exchange *exchange);
enum net_run web_oauth_revoke(struct http_exchange *exchange);
enum net_run web_events(struct http_exchange *exchange);
enum net_run web_socket(struct http_exchange *exchange);
enum net_run web_file(struct http_exchange *exchange);
enum net_run web_picture(struct http_exchange *exchange);
enum net_run web_unsubscribe(struct http_exchange *exchange);
enum net_run web_frame(struct http_exchange *exchange);
enum net_run web_admin_who(struct http_exchange *exchange);
enum net_run web_admin_call(struct http_exchange *exchange);
void web_admin_drop(struct http_exchange *exchange);
const char *web_admin_refusal(int status, const char *why, struct buf *body);
void web_outside_drop(struct http_exchange *exchange);
enum net_run web_sts_policy(struct http_exchange *exchange);
enum net_run web_challenge(struct http_exchange *exchange);

enum net_run web_client_config(struct http_exchange *exchange);
enum net_run web_agents(struct http_exchange *exchange);
enum net_run web_autodiscover(struct http_exchange *exchange);
enum net_run web_autodiscover_redirect(struct http_exchange *exchange);
enum net_run web_autodiscover_json(struct http_exchange *exchange);
enum net_run web_profile(struct http_exchange *exchange);

/** From now on what the process keeps as JSON is wiped when it is given back. Before anything of it is there. */
void web_keep_json_secret(void);
/** The JSON object that was sent, which is the caller's; NULL: it was refused. */
json_t *web_read_json(struct http_exchange *exchange);
/** A string of the object, in the arena; empty: there is none. */
struct slice web_json_text(json_t *object, const char *name, struct arena *arena);
/** Asks whether that is the account's password, or another that it may use. RUN_WAIT; else *account says who, unless it was refused (exchange->answered). */
enum net_run web_check_password(struct http_exchange *exchange, struct slice name, struct slice password, struct auth_account *account);
/** Answers with JSON; takes `value` over. */
void web_answer_json(struct http_exchange *exchange, int status, void *value);
/** Sets the cookie of a session, of that seat (empty: of that which stands alone), for so many seconds; 0: removes it. */
void web_set_cookie(struct http_exchange *exchange, struct slice seat, const char *token, int64_t seconds);
/** May the browser have a session of that seat beside those whose cookies it has sent? */
bool web_has_room(struct http_exchange *exchange, struct slice seat);
/** {"account": …, "at": …}: at, what stands before the paths of requests that speak of it. */
json_t *web_describe_account(struct http_exchange *exchange, struct slice account, struct slice seat);
/** What a browser calls itself, in a few words: "Firefox on Linux". */
void web_device_of(struct slice agent, char out[AUTH_WEB_DEVICE_MAX + 1]);

#endif
