/* Sign-ins in the log. Who was refused and why stands there for people to find (`pombal trace`); somebody who guesses passwords by
 * the thousand must not fill the disk with it: each network may have some lines a minute, all strangers together some a
 * second, and what is over that is counted (it is in the metrics, too) and summed up in a line now and then. */
#include "auth/network.h"
#include "auth/recent.h"
#include "auth/server_internal.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
	NETWORKS_KEPT = 20000,
	NETWORK_LINES = 20, NETWORK_LINE_MS = 60 * 1000, /* so many at once, then one each minute */
	ALL_LINES = 300, ALL_LINE_MS = 500,
	UNSAID_EVERY_MS = 60 * 1000,
	NAME_LOGGED_MAX = 128,
};

/** What has been allowed so far is paid off at this time. */
struct budget {
	int64_t paid_ms;
};

struct sign_in_log {
	struct recent *networks; /* struct budget */
	struct budget all;
	int64_t unsaid, said_ms;
};

struct sign_in_log *sign_in_log_new(void)
{
	struct sign_in_log *log = memory_new(sizeof *log);
	log->networks = auth_recent_new(NETWORKS_KEPT, sizeof(struct budget), NULL);
	return log;
}

void sign_in_log_free(struct sign_in_log **log)
{
	if (!*log)
		return;
	auth_recent_free(&(*log)->networks);
	free(*log);
	*log = NULL;
}

static bool spend(struct budget *budget, int64_t lines, int64_t line_ms, int64_t now_ms)
{
	int64_t from_ms = budget->paid_ms > now_ms ? budget->paid_ms : now_ms;
	if (from_ms + line_ms > now_ms + lines * line_ms)
		return false;
	budget->paid_ms = from_ms + line_ms;
	return true;
}

static bool may_say(struct sign_in_log *log, const struct sign_in_who *who)
{
	struct auth_network networks[NETWORKS_MAX];
	int64_t now_ms = clock_monotonic_ms();
	auth_network_list(who->address, networks);
	struct budget *network = auth_recent_add(log->networks, slice_make(networks[0].bytes, NETWORK_BYTES));
	return spend(network, NETWORK_LINES, NETWORK_LINE_MS, now_ms) && (who->known || spend(&log->all, ALL_LINES, ALL_LINE_MS, now_ms));
}

void auth_server_log(struct auth_server *server, enum log_level level, const char *event, const struct sign_in_who *who, const char *reason)
{
	if (reason && !may_say(server->log, who)) {
		server->log->unsaid++;
		level = LOG_LEVEL_DEBUG;
	}
	log_write(level, event, LOG_FIELDS(log_id("session", who->session), log_slice("account", who->account),
		log_slice("address", who->address), log_text("service", who->service), log_text("mechanism", who->mechanism),
		log_text(reason ? "reason" : NULL, reason), log_slice("name", slice_sub(who->name, 0, NAME_LOGGED_MAX))));
}

void auth_server_log_unsaid(struct auth_server *server)
{
	struct sign_in_log *log = server->log;
	int64_t now_ms = clock_monotonic_ms();
	if (log->unsaid == 0 || (log->said_ms && now_ms - log->said_ms < UNSAID_EVERY_MS))
		return;
	log_warning("sign_in.unsaid", log_number("count", log->unsaid), log_text("reason", "so many more failed than are written down one by one"));
	log->unsaid = 0;
	log->said_ms = now_ms;
}
