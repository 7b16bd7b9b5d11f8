/* The web role: browsers, mail clients over HTTP (JMAP), and programs that look for settings. It can open mailboxes; who somebody is it asks the auth role. */
#include "jmap/jmap.h"
#include "main/measure.h"
#include "main/role.h"
#include "main/sessions.h"
#include "net/call.h"
#include "queue/queue.h"
#include "speller/speller.h"
#include "web/web.h"

struct web {
	struct sessions sessions;
	struct store *store;
	struct web_service service;
	struct jmap_service jmap;
	struct http_service http;
};

/* Of an account; of any, if it is empty. */
static bool is_of(void *context, const struct conn_session *session)
{
	const struct slice *account = context;
	return slice_empty(*account) || slice_equal(session->account, *account);
}

/* Whose sign-ins have changed may have ended one session of several: pages that are open come again with theirs, if they still have one. So do all of
 * them when anything may have changed, since the auth role was away. */
static void hear(void *context, const struct bus_change *change)
{
	struct web *web = context;
	struct slice account = change->account;
	if (change->topic == BUS_MAIL) {
		store_announced(web->store, account);
		web_watch_announce(web->service.watch, account);
		return;
	}
	server_end_sessions(web->sessions.server, is_of, &account, slice_empty(account) ? SLICE("anything may have changed") : change->reason);
	sessions_hear(&web->sessions, change);
	jmap_push_hear(web->jmap.push, account);
}

static void stop(void *context, int seconds) { server_stop(((struct web *)context)->sessions.server, seconds); }

static void measure(void *context, struct buf *out)
{
	const struct web *web = context;
	measure_server(out, web->sessions.server);
	measure_value(out, "push_accounts", jmap_push_count(web->jmap.push));
}

static void answer(void *context, struct slice question, struct buf *out) { sessions_answer(&((struct web *)context)->sessions, question, out); }

static void follow(void *context)
{
	struct web *web = context;
	const struct config *config = config_current();
	struct server_options limits = role_server_options(NULL);
	server_set_limits(web->sessions.server, &limits);
	store_set_limits(web->store, (uint64_t)config->max_message, config->undelete_for);
	store_set_snooze(web->store, config_snooze_at(config));
}

static void *context_of(void *context, enum service service)
{
	(void)service;
	return &((struct web *)context)->http;
}

int role_web_main(struct role *role)
{
	struct error error;
	const struct config *config = config_current();
	struct store_options kept = {.data = role->data, .storage = config->storage, .hears = true, .max_message = (uint64_t)config->max_message, .undelete_seconds = config->undelete_for,
		.snooze_at = config_snooze_at(config)};
	struct web web = {0};
	if (!role_confine(role, &error) || !(web.store = store_open(&kept, &error)))
		role_fail(role, &error);
	struct auth *auth = auth_open(role_channel(role, CHANNEL_AUTH));
	struct queue *queue = queue_open_remote(role_channel(role, CHANNEL_HANDIN));
	struct caller *policy = caller_new(role_channel(role, CHANNEL_POLICY));
	struct server_options options = role_server_options(role->tls);
	web.sessions = (struct sessions){server_new(&options), auth};
	web.service = (struct web_service){auth, web_watch_new(), caller_new(role_channel(role, CHANNEL_FETCH)), caller_new(role_channel(role, CHANNEL_ADMIN))};
	web.jmap = (struct jmap_service){.auth = auth, .store = web.store, .queue = queue, .policy = policy, .story = caller_new(role_channel(role, CHANNEL_STORY)),
		.speller = caller_new(role_channel(role, CHANNEL_SPELLER)), .languages = speller_installed()};
	web.http = (struct http_service){.auth = auth, .tables = {{jmap_routes, jmap_route_count, &web.jmap}, {web_routes, web_route_count, &web.service}}};
	auth_listen(auth);
	store_on_change(web.store, bus_announce_mail, role->bus);
	web_keep_json_secret();
	web.jmap.push = jmap_push_start(&web.jmap, role_channel(role, CHANNEL_PUSH));
	role_listen(role, web.sessions.server, context_of, &web);
	role->measure = measure;
	role->follow = follow;
	role->answer = answer;
	role->hear = hear;
	role_serve(role, stop, &web);
	server_run(web.sessions.server);
	role_end(role);
	server_free(&web.sessions.server);
	jmap_push_stop(&web.jmap.push);
	web_watch_free(&web.service.watch);
	caller_free(&policy);
	caller_free(&web.jmap.story);
	caller_free(&web.jmap.speller);
	caller_free(&web.service.fetcher);
	caller_free(&web.service.admin);
	queue_close(&queue);
	auth_close(&auth);
	store_close(&web.store);
	return 0;
}
