/* The acme role's questions (acme/work.h). What needs a key is done in a process of its own (acme_keys.h); what is left for the master is to hand out answers to
 * challenges, and certificates, to the roles that serve TLS, and to answer when these follow. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/acme_keys.h"
#include "main/apart.h"
#include "main/master.h"

enum {
	CHALLENGES_MAX = 1024 * 1024, /* bytes, of each kind */
	FOLLOW_MS = 10000,            /* for the roles to follow */
	QUESTIONS_BURST = 300,        /* more than an order has; each is a process */
	QUESTIONS_PER_SECOND = 20,
	ACME_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
};

struct master_acme {
	struct buf tokens;         /* lines "TOKEN ANSWER", for http-01 */
	struct buf certificates;   /* packed, for tls-alpn-01 */
	int64_t deadline;          /* of a question that waits until the roles follow (monotonic ms); 0: none does */
	int64_t counted;           /* monotonic ms: until when `allowed` was reckoned */
	int64_t allowed;           /* questions, in thousandths */
};

static struct master_acme *have(struct master *master)
{
	if (!master->acme) {
		master->acme = memory_new(sizeof *master->acme);
		*master->acme = (struct master_acme){.tokens = BUF(CHALLENGES_MAX), .certificates = BUF_SECRET(CHALLENGES_MAX), .counted = clock_monotonic_ms(),
						     .allowed = QUESTIONS_BURST * 1000};
	}
	return master->acme;
}

static void answer(struct master *master, bool done, const char *why, struct slice text)
{
	struct error error;
	int control = master->children[ROLE_ACME].control, fd = text.len > 0 ? master_seal("acme", text, &error) : -1;
	if (text.len > 0 && fd < 0)
		done = false;
	if (control >= 0 && !control_send(control, CONTROL_ACME_ANSWER, done, done ? NULL : why, fd, &error))
		log_error("role.unreachable", log_text("name", role_names[ROLE_ACME]), log_text("reason", error.text));
	if (fd >= 0)
		close(fd);
}

/* ---- Handing out ---- */

static bool hand_out_challenges(struct master *master, struct error *error)
{
	struct master_acme *acme = master->acme;
	struct buf text = BUF_SECRET(2 * CHALLENGES_MAX + 1);
	buf_append(&text, buf_slice(&acme->tokens));
	buf_append_char(&text, '\n');
	buf_append(&text, buf_slice(&acme->certificates));
	int fd = master_seal("challenges", buf_slice(&text), error);
	buf_free(&text);
	if (fd < 0)
		return false;
	if (master->challenges >= 0)
		close(master->challenges);
	master->challenges = fd;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].tls && !master->children[i].stopping)
			master->children[i].unfollowed += master_tell_child(master, (enum role_name)i, CONTROL_CHALLENGES, fd);
	return true;
}

static bool take_challenge(struct master *master, struct slice arguments, const struct buf *made, struct error *error)
{
	struct buf *list = slice_starts(arguments, SLICE("http-01 ")) ? &master->acme->tokens : &master->acme->certificates;
	return ((list->max - list->len >= made->len && buf_append(list, buf_slice(made))) || error_set(error, ERROR_LIMIT, "too many challenges at a time")) &&
	       hand_out_challenges(master, error);
}

static bool forget_challenges(struct master *master, struct error *error)
{
	buf_free(&master->acme->tokens);
	buf_free(&master->acme->certificates);
	return hand_out_challenges(master, error);
}

/* ---- Questions ---- */

static bool is_allowed(struct master_acme *acme)
{
	int64_t now = clock_monotonic_ms(), most = QUESTIONS_BURST * 1000;
	acme->allowed += (now - acme->counted) * QUESTIONS_PER_SECOND;
	acme->allowed = acme->allowed < most ? acme->allowed : most;
	acme->counted = now;
	if (acme->allowed < 1000)
		return false;
	acme->allowed -= 1000;
	return true;
}

/* A memory file that nobody can change any more: anything else might be waited for without end. */
static bool read_payload(int fd, struct buf *out, struct error *error)
{
	struct stat status;
	int seals = fd >= 0 ? fcntl(fd, F_GET_SEALS) : 0;
	if (fd < 0)
		return true;
	if (seals < 0 || (seals & ACME_SEALS) != ACME_SEALS || fstat(fd, &status) != 0 || status.st_size > ACME_KEYS_PAYLOAD_MAX)
		return error_set(error, ERROR_INVALID, "the payload of a question isn't one");
	return file_read_fd(fd, out, error);
}

static bool ask_apart(struct master *master, struct slice verb, struct slice arguments, struct slice payload, struct buf *out, struct error *error)
{
	struct acme_keys_question question = {.verb = verb, .arguments = arguments, .payload = payload, .data = master->data, .owner = &master->owner};
	return apart_run(acme_keys_answer, &question, out, error);
}

/* Does it; *waits: the roles must follow before it is done. */
static bool obey(struct master *master, struct slice verb, struct slice arguments, struct slice payload, struct buf *out, bool *waits, struct error *error)
{
	*waits = false;
	if (slice_equal(verb, SLICE("unprove")))
		return forget_challenges(master, error);
	if (!ask_apart(master, verb, arguments, payload, out, error))
		return false;
	*waits = true;
	if (slice_equal(verb, SLICE("prove")))
		return take_challenge(master, arguments, out, error);
	if (slice_equal(verb, SLICE("keep")))
		return master_follow_certificates(master, error);
	*waits = false;
	return true;
}

void master_hear_acme(struct master *master, const struct control_message *message)
{
	struct master_acme *acme = have(master);
	struct slice verb, arguments;
	struct buf payload = BUF(ACME_KEYS_PAYLOAD_MAX), out = BUF_SECRET(ACME_KEYS_ANSWER_MAX);
	struct error error = {0};
	bool waits = false;
	slice_cut(slice_of(message->text), ' ', &verb, &arguments);
	bool done = acme->deadline == 0 || error_set(&error, ERROR_INVALID, "one question after the other");
	done = done && (is_allowed(acme) || error_set(&error, ERROR_LIMIT, "too many questions"));
	done = done && read_payload(message->fd, &payload, &error) && obey(master, verb, arguments, buf_slice(&payload), &out, &waits, &error);
	if (done && waits)
		acme->deadline = clock_monotonic_ms() + FOLLOW_MS;
	else
		answer(master, done, error.text, buf_slice(&out));
	buf_free(&payload);
	buf_free(&out);
}

/* ---- Waiting for the roles ---- */

static bool all_follow(const struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].tls && (master->children[i].unfollowed > 0 || master->children[i].anew))
			return false;
	return true;
}

void master_continue_acme(struct master *master)
{
	struct master_acme *acme = master->acme;
	if (!acme || acme->deadline == 0 || (!all_follow(master) && clock_monotonic_ms() < acme->deadline))
		return;
	acme->deadline = 0;
	answer(master, all_follow(master), "the roles don't follow in time", SLICE(""));
}

int64_t master_acme_deadline(const struct master *master)
{
	return master->acme ? master->acme->deadline : 0;
}

void master_forget_acme(struct master *master)
{
	if (master->acme)
		master->acme->deadline = 0;
}

void master_free_acme(struct master *master)
{
	if (!master->acme)
		return;
	buf_free(&master->acme->tokens);
	buf_free(&master->acme->certificates);
	free(master->acme);
	master->acme = NULL;
}
