/* Each account has a line of what is to be learned, and lines take turns message by message: who moves a thousand keeps nobody waiting. */
#include "training/training.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "message/address.h"
#include "message/header.h"
#include "message/mime.h"
#include "message/shown.h"
#include "message/unwrap.h"
#include "net/call.h"
#include "policy/votes.h"
#include "training/correspondents.h"
#include "training/origin.h"

enum { READ_MAX = 4 * 1024 * 1024, ANSWER_SECONDS = 10, VOTE_MAX = 16 * 1024 };

/* What one command has said. */
struct said {
	struct said *next;
	int64_t mailbox;
	uint32_t *uids;
	size_t count, at;
	bool sent;                   /* it has sent them, and hasn't said anything of what they are */
	enum classify_kind kind;
};

struct line {
	struct line *next;
	struct slice account;
	struct said *first, **last;
};

struct training {
	struct store *store;
	struct caller *policy;       /* NULL: nobody is told */
	pthread_t thread;
	pthread_mutex_t lock;        /* guards the rest */
	pthread_cond_t work;
	struct line *first, **last;  /* those with something to learn; the thread takes the first off while it learns from it */
	struct line *taken;
	size_t waiting;              /* messages */
	bool stopping;
};

/* ---- one message ---- */

static void learn_own(struct training *training, struct slice account, const struct classify_tokens *tokens, enum classify_kind kind)
{
	struct error error;
	char *path = store_account_file(training->store, account, TRAINING_TOKENS, &error);
	struct classify_store *own = path ? classify_store_open(path, CLASSIFY_ACCOUNT_SIZE, &error) : NULL;
	if (own)
		classify_learn(own, tokens, kind, clock_now());
	else
		log_warning("training.failed", log_slice("account", account), log_text("reason", error.text));
	classify_store_close(&own);
	free(path);
}

static void tell_policy(struct training *training, struct slice account, const struct classify_tokens *tokens, struct slice domain, enum classify_kind kind)
{
	struct buf hashes = BUF(VOTE_MAX), text = BUF(VOTE_MAX);
	struct call_answer answer = {0};
	policy_vote_hashes(tokens, &hashes);
	struct policy_vote vote = {.account = account, .kind = kind, .domain = domain, .hashes = buf_slice(&hashes)};
	bool fits = policy_vote_encode(&vote, &text);
	int64_t now = clock_monotonic_ms();
	struct call_question question = {.verb = POLICY_VOTE_VERB, .text = buf_slice(&text), .begin_by = now + ANSWER_SECONDS * 1000, .end_by = now + ANSWER_SECONDS * 1000};
	if (fits && training->policy && caller_ask(training->policy, &question, &answer))
		call_answer_free(&answer);
	buf_free(&hashes);
	buf_free(&text);
}

static void learn_text(struct training *training, struct slice account, struct slice text, enum classify_kind kind)
{
	struct arena *arena = arena_new();
	struct classify_tokens tokens;
	struct shown shown;
	struct slice whole = text;
	struct mime_part *root = mime_parse(whole, arena);
	text = message_unwrap(whole, root);
	if (text.at != whole.at)
		root = mime_parse(text, arena);
	shown_read(text, root, arena, &shown);
	classify_tokenize(slice_sub(text, 0, (size_t)root->header_size), root, &shown, arena, &tokens);
	learn_own(training, account, &tokens, kind);
	if (tokens.count > 0)
		tell_policy(training, account, &tokens, training_origin(slice_sub(text, 0, (size_t)root->header_size), arena), kind);
	log_info("training.learned", log_slice("account", account), log_text("kind", kind == CLASSIFY_SPAM ? "spam" : "ham"));
	arena_free(&arena);
}

/* Adds the addresses of a field to the list, which has room for TRAINING_RECIPIENTS_MAX. */
static void list_addresses(struct slice body, struct arena *arena, struct slice *list, size_t *count)
{
	struct address *addresses;
	size_t found;
	address_parse_list(body, TRAINING_RECIPIENTS_MAX, arena, &addresses, &found);
	for (size_t i = 0; i < found && *count < TRAINING_RECIPIENTS_MAX; i++)
		if (addresses[i].kind == ADDRESS_MAILBOX && addresses[i].domain.len > 0) {
			struct slice local = address_quote(addresses[i].local, arena);
			list[(*count)++] = address_canonical(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(addresses[i].domain)), arena);
		}
}

static void learn_recipients(struct training *training, struct slice account, struct slice text)
{
	struct error error;
	struct arena *arena = arena_new();
	struct slice header = slice_sub(text, 0, header_length(text)), list[TRAINING_RECIPIENTS_MAX];
	struct header_field field;
	size_t count = 0;
	char *path = store_account_file(training->store, account, TRAINING_CORRESPONDENTS, &error);
	while (header_next(&header, &field))
		if (slice_equal_nocase(field.name, SLICE("To")) || slice_equal_nocase(field.name, SLICE("Cc")) || slice_equal_nocase(field.name, SLICE("Bcc")))
			list_addresses(field.body, arena, list, &count);
	if (path)
		training_correspondents_note(path, TRAINING_WRITTEN_TO, list, count, clock_now());
	log_info("training.correspondents", log_slice("account", account), log_number("addresses", (int64_t)count));
	free(path);
	arena_free(&arena);
}

/* The beginning of a message says enough. */
static bool read_beginning(int fd, uint64_t size, struct buf *out)
{
	size_t wanted = size < READ_MAX ? (size_t)size : READ_MAX;
	char *room = buf_reserve(out, wanted);
	ssize_t got = room ? pread(fd, room, wanted, 0) : -1;
	if (got > 0)
		buf_claim(out, (size_t)got);
	return got > 0;
}

static void learn_message(struct training *training, struct slice account_name, const struct said *said, uint32_t uid)
{
	struct error error;
	struct arena *arena = arena_new();
	struct message *list;
	size_t count = 0;
	uint64_t size;
	struct buf text = BUF(READ_MAX);
	struct account *account = store_open_account(training->store, account_name, &error);
	bool found = account && message_list(account, said->mailbox, uid, uid, 0, 1, MESSAGE_FLAGS, arena, &list, &count, &error) && count == 1;
	int fd = found ? message_open(account, list[0].id, &size, &error) : -1;
	store_release_account(&account);
	bool read = fd >= 0 && read_beginning(fd, size, &text);
	if (read && said->sent)
		learn_recipients(training, account_name, buf_slice(&text));
	else if (read)
		learn_text(training, account_name, buf_slice(&text), said->kind);
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	arena_free(&arena);
}

/* ---- lines: with the lock held ---- */

static void free_said(struct training *training, struct said *said)
{
	training->waiting -= said->count - said->at;
	free(said->uids);
	free(said);
}

static void put_last(struct training *training, struct line *line)
{
	line->next = NULL;
	*training->last = line;
	training->last = &line->next;
}

static struct line *take_first(struct training *training)
{
	while (!training->first && !training->stopping)
		pthread_cond_wait(&training->work, &training->lock);
	struct line *line = training->stopping ? NULL : training->first;
	if (!line)
		return NULL;
	training->first = line->next;
	if (!training->first)
		training->last = &training->first;
	return training->taken = line;
}

/* What has been done of the line is taken off; what is left waits for its next turn. */
static void give_back(struct training *training, struct line *line)
{
	struct said *said = line->first;
	training->taken = NULL;
	if (said->at == said->count) {
		line->first = said->next;
		if (!line->first)
			line->last = &line->first;
		free_said(training, said);
	}
	if (line->first) {
		put_last(training, line);
		return;
	}
	free((char *)line->account.at);
	free(line);
}

static void *work(void *argument)
{
	struct training *training = argument;
	struct line *line;
	pthread_mutex_lock(&training->lock);
	while ((line = take_first(training))) {
		struct said *said = line->first;
		uint32_t uid = said->uids[said->at++];
		training->waiting--;
		pthread_mutex_unlock(&training->lock);
		learn_message(training, line->account, said, uid);
		pthread_mutex_lock(&training->lock);
		give_back(training, line);
	}
	pthread_mutex_unlock(&training->lock);
	return NULL;
}

static struct line *line_of(struct training *training, struct slice account)
{
	if (training->taken && slice_equal(training->taken->account, account))
		return training->taken;
	for (struct line *line = training->first; line; line = line->next)
		if (slice_equal(line->account, account))
			return line;
	struct line *line = memory_new(sizeof *line);
	*line = (struct line){.account = slice_make(memory_copy(account.at, account.len), account.len)};
	line->last = &line->first;
	put_last(training, line);
	return line;
}

/* ---- for others ---- */

static void note(struct training *training, struct slice account, const struct said *what, const uint32_t *uids, size_t count)
{
	if (!training || count == 0)
		return;
	count = count < TRAINING_MESSAGES_MAX ? count : TRAINING_MESSAGES_MAX;
	pthread_mutex_lock(&training->lock);
	bool room = training->waiting + count <= TRAINING_WAITING_MAX;
	if (room) {
		struct said *said = memory_new(sizeof *said);
		*said = *what;
		said->uids = memory_array(count, sizeof *uids);
		said->count = count;
		memcpy(said->uids, uids, count * sizeof *uids);
		struct line *line = line_of(training, account);
		*line->last = said;
		line->last = &said->next;
		training->waiting += count;
		pthread_cond_signal(&training->work);
	}
	pthread_mutex_unlock(&training->lock);
	if (!room)
		log_warning("training.too_much", log_slice("account", account));
}

void training_note(struct training *training, struct slice account, int64_t mailbox, const uint32_t *uids, size_t count, enum classify_kind kind)
{
	note(training, account, &(struct said){.mailbox = mailbox, .kind = kind}, uids, count);
}

void training_note_sent(struct training *training, struct slice account, int64_t mailbox, const uint32_t *uids, size_t count)
{
	note(training, account, &(struct said){.mailbox = mailbox, .sent = true}, uids, count);
}

struct training *training_start(struct store *store, int channel)
{
	struct training *training = memory_new(sizeof *training);
	*training = (struct training){.store = store, .policy = channel >= 0 ? caller_new(channel) : NULL};
	training->last = &training->first;
	pthread_mutex_init(&training->lock, NULL);
	pthread_cond_init(&training->work, NULL);
	if (pthread_create(&training->thread, NULL, work, training) != 0)
		memory_exhausted(0);
	return training;
}

void training_stop(struct training **stopped)
{
	struct training *training = *stopped;
	if (!training)
		return;
	pthread_mutex_lock(&training->lock);
	training->stopping = true;
	pthread_cond_signal(&training->work);
	pthread_mutex_unlock(&training->lock);
	pthread_join(training->thread, NULL);
	for (struct line *line = training->first; line; line = training->first) {
		training->first = line->next;
		for (struct said *said = line->first; said; said = line->first) {
			line->first = said->next;
			free_said(training, said);
		}
		free((char *)line->account.at);
		free(line);
	}
	if (training->policy)
		caller_free(&training->policy);
	pthread_cond_destroy(&training->work);
	pthread_mutex_destroy(&training->lock);
	free(training);
	*stopped = NULL;
}
