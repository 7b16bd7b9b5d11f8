/* Ending sessions whose account has changed, and what the command line asks; see sessions.h. */
#include "main/sessions.h"

#include "base/map.h"
#include "base/memory.h"
#include "base/random.h"
#include "main/control.h"

/* ---- Accounts that have changed ---- */

static bool is_former(void *context, const struct conn_session *session)
{
	const struct auth_account *now = context;
	return slice_equal(session->account, now->name) && session->identity != now->identity;
}

/** Every identity that has sessions, and every app password or grant, once. */
struct signed_in {
	struct map *seen;
	struct arena *arena;
	struct slice account; /* of this one alone, and only those with a limited right; empty: all */
	struct identity_list { struct identity_list *next; struct auth_account account; } *list;
};

static void note_signed_in(void *context, const struct conn_session *session)
{
	struct signed_in *all = context;
	int64_t key[2] = {session->identity, session->credential};
	if (all->account.len > 0 && (session->credential == 0 || !slice_equal(session->account, all->account)))
		return;
	if (map_put(all->seen, slice_make((const char *)key, sizeof key), all))
		return;
	struct identity_list *entry = arena_alloc(all->arena, sizeof *entry);
	entry->account = (struct auth_account){.name = arena_copy(all->arena, session->account), .identity = session->identity, .credential = session->credential};
	entry->next = all->list;
	all->list = entry;
}

static bool is_of(void *context, const struct conn_session *session)
{
	const struct auth_account *ended = context;
	return session->identity == ended->identity && session->credential == ended->credential && slice_equal(session->account, ended->name);
}

/* In a worker. If auth goes away meanwhile, its successor says so, and all is asked anew. */
static void ask_for(struct sessions *sessions, struct slice account)
{
	struct signed_in all = {.seen = map_new(), .arena = arena_new(), .account = account};
	server_visit_sessions(sessions->server, note_signed_in, &all);
	for (struct identity_list *entry = all.list; entry; entry = entry->next)
		if (auth_stands(sessions->auth, NULL, &entry->account) == AUTH_ENDED)
			server_end_sessions(sessions->server, is_of, &entry->account, SLICE("the account was changed"));
	map_free(&all.seen);
	arena_free(&all.arena);
}

/* Anything may have changed: the auth role was away, or this one is behind. */
static void ask_for_all(void *context) { ask_for(context, SLICE("")); }

struct account_changed { struct sessions *sessions; struct slice account; char name[]; };

static void ask_for_account(void *context)
{
	struct account_changed *changed = context;
	ask_for(changed->sessions, changed->account);
	free(changed);
}

static void find_limited(void *context, const struct conn_session *session)
{
	struct signed_in *found = context;
	if (session->credential != 0 && slice_equal(session->account, found->account))
		found->account = slice_make(NULL, 0);
}

/* An app password, or a grant, may have ended while the account is as it was: which, isn't announced. */
static void ask_for_limited(struct sessions *sessions, struct slice account)
{
	struct signed_in found = {.account = account};
	server_visit_sessions(sessions->server, find_limited, &found);
	if (found.account.len > 0)
		return;
	struct account_changed *changed = memory_new(sizeof *changed + account.len + 1);
	memcpy(changed->name, account.at, account.len);
	changed->sessions = sessions;
	changed->account = slice_make(changed->name, account.len);
	server_work(sessions->server, ask_for_account, changed);
}

void sessions_hear(struct sessions *sessions, const struct bus_change *change)
{
	struct auth_account now = {.name = change->account, .identity = change->identity};
	auth_note_change(sessions->auth);
	if (slice_empty(change->account))
		server_work(sessions->server, ask_for_all, sessions);
	else {
		server_end_sessions(sessions->server, is_former, &now, change->reason);
		ask_for_limited(sessions, change->account);
	}
}

/* ---- What the command line asks ---- */

static void put_field(struct buf *out, struct slice text)
{
	buf_append_char(out, '\t');
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(out, (unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f ? '?' : text.at[i]);
}

static void put_session(void *context, const struct conn_session *session)
{
	struct buf *out = context;
	char id[ID_TEXT_LEN + 1];
	id_format(session->id, id);
	struct buf line = BUF(CONTROL_TEXT_MAX - 1); /* a line must fit into one message of a control channel */
	buf_append_text(&line, "session");
	put_field(&line, slice_of(id));
	put_field(&line, session->account);
	put_field(&line, slice_of(session->protocol));
	put_field(&line, session->address);
	buf_printf(&line, "\t%lld", (long long)session->since);
	put_field(&line, slice_of(session->tls));
	put_field(&line, session->client);
	put_field(&line, session->doing);
	put_field(&line, session->busy ? SLICE("busy") : SLICE("idle"));
	buf_append_char(&line, '\n');
	if (!line.overflow)
		buf_append(out, buf_slice(&line));
	buf_free(&line);
}

static bool is_named(void *context, const struct conn_session *session)
{
	const struct slice *whom = context;
	return slice_equal(session->account, *whom) || (session->id != 0 && session->id == id_parse(*whom));
}

void sessions_answer(struct sessions *sessions, struct slice question, struct buf *out)
{
	struct slice verb, whom;
	slice_cut(question, ' ', &verb, &whom);
	if (slice_equal(verb, SLICE("sessions")))
		server_visit_sessions(sessions->server, put_session, out);
	else if (slice_equal(verb, SLICE("end")))
		buf_printf(out, "ended\t%zu\n", server_end_sessions(sessions->server, is_named, &whom, SLICE("ended by an administrator")));
}
