/* Ending sessions whose account has changed, and what the command line asks; see sessions.h. */
#include "main/sessions.h"

#include "base/map.h"
#include "base/memory.h"
#include "base/random.h"
#include "main/control.h"

/* ---- Accounts that have changed ---- */

/* Whose sign-in may have ended is asked for, though an announcement says which identity counts: that was read before it was made, and who
 * has signed in since may be right (an account is made first, and gets its password then). In a worker: an answer takes its time. If auth
 * goes away meanwhile, its successor says so, and all is asked anew. */
struct question {
	struct sessions *sessions;
	struct slice account; /* empty: all */
	int64_t identity;     /* of that account: this one was said to count */
	struct slice reason;  /* why others don't */
	struct arena *arena;  /* all of this, and what is found */
};

/** Every identity that is to be asked for, and every app password or grant, once. */
struct doubtful {
	const struct question *question;
	struct map *seen;
	struct identity_list { struct identity_list *next; struct auth_account account; } *list;
};

/* An app password, or a grant, may have ended while the account is as it was: which, isn't announced. */
static bool may_have_ended(const struct question *question, const struct conn_session *session)
{
	return slice_empty(question->account) ||
	       (slice_equal(session->account, question->account) && (session->identity != question->identity || session->credential != 0));
}

static void note_doubtful(void *context, const struct conn_session *session)
{
	struct doubtful *all = context;
	int64_t key[2] = {session->identity, session->credential};
	if (!may_have_ended(all->question, session) || map_put(all->seen, slice_make((const char *)key, sizeof key), all))
		return;
	struct identity_list *entry = arena_alloc(all->question->arena, sizeof *entry);
	entry->account = (struct auth_account){.name = arena_copy(all->question->arena, session->account), .identity = session->identity, .credential = session->credential};
	entry->next = all->list;
	all->list = entry;
}

static bool is_of(void *context, const struct conn_session *session)
{
	const struct auth_account *ended = context;
	return session->identity == ended->identity && session->credential == ended->credential && slice_equal(session->account, ended->name);
}

static void ask(void *context)
{
	struct question *question = context;
	struct sessions *sessions = question->sessions;
	struct arena *arena = question->arena; /* in which the question is, too */
	struct doubtful all = {.question = question, .seen = map_new()};
	server_visit_sessions(sessions->server, note_doubtful, &all);
	for (struct identity_list *entry = all.list; entry; entry = entry->next) {
		bool is_former = entry->account.identity != question->identity && !slice_empty(question->reason);
		if (auth_stands(sessions->auth, NULL, &entry->account) == AUTH_ENDED)
			server_end_sessions(sessions->server, is_of, &entry->account, is_former ? question->reason : SLICE("the account was changed"));
	}
	map_free(&all.seen);
	arena_free(&arena);
}

static void find_doubtful(void *context, const struct conn_session *session)
{
	const struct question **question = context;
	if (*question && may_have_ended(*question, session))
		*question = NULL;
}

void sessions_hear(struct sessions *sessions, const struct bus_change *change)
{
	auth_note_change(sessions->auth);
	struct arena *arena = arena_new();
	struct question *question = arena_alloc(arena, sizeof *question);
	*question = (struct question){sessions, arena_copy(arena, change->account), change->identity, arena_copy(arena, change->reason), arena};
	const struct question *unasked = question;
	server_visit_sessions(sessions->server, find_doubtful, &unasked);
	if (unasked)
		arena_free(&arena);
	else
		server_work(sessions->server, ask, question);
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
