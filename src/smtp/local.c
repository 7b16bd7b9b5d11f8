/* Programs of this machine, over the socket that `sendmail` uses. The kernel says whose program it is: so nobody signs in, and nobody
 * can be somebody else. Its mail is from USER@DOMAIN, and it may write as no other but where the administrator trusts it. */
#include "smtp/session.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "message/address.h"

enum { USERS_SIZE_MAX = 4 * 1024 * 1024, HOUR_MS = 3600 * 1000, LABELS_MAX = 10 };

static struct {
	pthread_mutex_t lock;  /* guards what follows */
	struct buf users;      /* lines "NUMBER NAME", from the master: this process can't read the list of users */
	struct map *senders;   /* by number: struct sender */
} machine = {.lock = PTHREAD_MUTEX_INITIALIZER, .users = {.max = USERS_SIZE_MAX}};

/** What a user has sent in the hour that began at `since`. */
struct sender {
	int64_t since, messages;
};

void smtp_set_users(struct slice lines)
{
	pthread_mutex_lock(&machine.lock);
	buf_clear(&machine.users);
	buf_append(&machine.users, lines);
	pthread_mutex_unlock(&machine.lock);
}

/* By number or by name, whichever is given. */
static bool find_user(struct slice number, struct slice name, struct arena *arena, struct slice *found)
{
	struct slice line, rest, one, two;
	bool there = false;
	pthread_mutex_lock(&machine.lock);
	for (rest = buf_slice(&machine.users); !there && slice_cut(rest, '\n', &line, &rest);)
		if (slice_cut(line, ' ', &one, &two) && (number.len ? slice_equal(one, number) : slice_equal(two, name))) {
			*found = arena_copy(arena, two);
			there = true;
		}
	pthread_mutex_unlock(&machine.lock);
	return there;
}

/* ---- Who it is ---- */

static bool is_trusted_user(const struct smtp_session *session, struct slice name)
{
	const struct config_string_list *trusted = &session->config->sendmail_users;
	if (session->user == 0 || session->user == geteuid())
		return true;
	for (size_t i = 0; i < trusted->count; i++)
		if (slice_equal(name, slice_of(trusted->at[i])))
			return true;
	return false;
}

/* The domain of mail that is written here: the longest end of the server's name that is one of our domains. */
static struct slice own_domain(struct smtp_session *session, struct arena *arena)
{
	struct slice domain = slice_of(smtp_hostname(session)), label, rest = domain;
	for (int i = 0; i < LABELS_MAX && rest.len > 0; i++) {
		struct slice postmaster = arena_printf(arena, "postmaster@%.*s", SLICE_ARG(rest));
		enum auth_recipient_kind kind = auth_recipient(session->service->auth, NULL, postmaster, NULL);
		if (kind != RECIPIENT_FOREIGN && kind != RECIPIENT_TEMPORARY)
			return rest;
		if (!slice_cut(rest, '.', &label, &rest))
			break;
	}
	return domain;
}

/* Asks another role, so not in the loop. */
static void learn_identity(struct smtp_session *session)
{
	if (session->account)
		return;
	struct arena *arena = arena_new();
	char number[24];
	struct slice name, text = slice_make(number, (size_t)snprintf(number, sizeof number, "%u", (unsigned)session->user)), address;
	struct error error;
	bool known = find_user(text, SLICE(""), arena, &name);
	session->trusted = is_trusted_user(session, known ? name : SLICE(""));
	struct slice domain = own_domain(session, arena);
	if (!known || !address_parse(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(name), SLICE_ARG(domain)), true, arena, &address, &error))
		address = arena_printf(arena, "uid%s@%.*s", number, SLICE_ARG(domain));
	session->account = memory_copy(address.at, address.len);
	arena_free(&arena);
}

/* Not a command of any RFC's: `sendmail` asks it on this socket for the address that it writes letters from. */
void smtp_cmd_whoami(struct smtp_session *session, struct slice argument)
{
	(void)argument;
	learn_identity(session);
	smtp_reply(session, "250 %s", session->account);
}

/* ---- What it may ---- */

enum auth_sender_right smtp_may_send_as(struct smtp_session *session, struct auth_wait *wait, struct slice address)
{
	if (session->service->kind == SMTP_LOCAL && (session->trusted || slice_equal_nocase(address, slice_of(session->account))))
		return SENDER_OWN;
	return auth_may_send_as(session->service->auth, wait, slice_of(session->account), address);
}

const char *smtp_local_check(struct smtp_session *session)
{
	learn_identity(session);
	int64_t most = session->config->sendmail_rate, now = clock_monotonic_ms();
	if (session->trusted || most == 0)
		return NULL;
	struct slice key = slice_make((const char *)&session->user, sizeof session->user);
	pthread_mutex_lock(&machine.lock);
	if (!machine.senders)
		machine.senders = map_new();
	struct sender *sender = map_get(machine.senders, key);
	if (!sender)
		map_put(machine.senders, key, sender = memory_new(sizeof *sender));
	if (sender->messages == 0 || now - sender->since >= HOUR_MS)
		*sender = (struct sender){.since = now};
	bool within = sender->messages < most;
	sender->messages += within;
	pthread_mutex_unlock(&machine.lock);
	return within ? NULL : "450 4.7.1 this user has sent as many messages within an hour as sendmail_rate allows";
}

/* Programs report to the users they run as (cron: to root): who has no account here is the postmaster. */
bool smtp_local_redirect(struct smtp_session *session, struct slice *to)
{
	struct slice local, domain, own, ignored;
	struct arena *arena = session->transaction.arena;
	address_split(*to, &local, &domain);
	slice_cut(slice_of(session->account), '@', &ignored, &own);
	if (session->service->kind != SMTP_LOCAL || !slice_equal_nocase(domain, own) || !find_user(SLICE(""), local, arena, &ignored))
		return false;
	*to = arena_printf(arena, "postmaster@%.*s", SLICE_ARG(own));
	return true;
}
