/* What a message is for one account; see personal.h.
 *
 * Who has taught nothing costs looks for two files, seven microseconds. For who has, the message's words are taken apart, once for all its recipients, and
 * looked up in the account's store beside everybody's: of 20 KiB of text 0.2 to 0.4 ms for the former, 0.1 to 1 ms for the latter, by how many different
 * words there are; of a large message only the beginning is read. */
#include "courier/personal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "classify/classify.h"
#include "courier/body.h"
#include "message/address.h"
#include "policy/settings.h"
#include "training/correspondents.h"
#include "training/training.h"

enum { READ_MAX = 4 * 1024 * 1024 }; /* bytes of a message, as when it is learned */

struct courier_personal_words {
	struct arena *arena;
	struct courier_body *body;
	struct classify_tokens tokens;
	struct score_settings settings;
	int everybodys; /* points of what was learned of all mail */
};

/* ---- Words ---- */

/* NULL: nothing was learned of everybody's mail. */
static const struct classify_store *everybodys(struct courier *courier)
{
	struct error error;
	struct buf path = BUF(4096);
	pthread_mutex_lock(&courier->lock);
	if (!courier->learned && buf_printf(&path, "%s/policy/tokens", courier->data))
		courier->learned = classify_store_read_foreign(path.at, &error);
	const struct classify_store *learned = courier->learned;
	pthread_mutex_unlock(&courier->lock);
	buf_free(&path);
	return learned;
}

static int points_by(const struct courier_personal_words *words, const struct classify_store *shared, const struct classify_store *own)
{
	struct classify_verdict verdict;
	classify_judge(shared, own, &words->tokens, &verdict);
	return verdict.unsure ? 0 : score_learned_points(&words->settings, verdict.probability);
}

static void free_words(struct courier_personal_words **words)
{
	if ((*words)->body)
		courier_body_close(&(*words)->body);
	arena_free(&(*words)->arena);
	free(*words);
	*words = NULL;
}

static bool read_words(struct courier_personal *personal, struct courier_personal_words *words)
{
	struct error error;
	struct slice whole;
	struct shown shown;
	words->body = courier_body_open(personal->courier->queue, personal->message, &error);
	if (!words->body || !courier_body_view(words->body, &whole, &error) || !policy_settings_read(config_current(), &words->settings, &error))
		return false;
	struct slice text = slice_sub(whole, 0, READ_MAX);
	struct mime_part *root = mime_parse(text, words->arena);
	shown_read(text, root, words->arena, &shown);
	classify_tokenize(slice_sub(text, 0, (size_t)root->header_size), root, &shown, words->arena, &words->tokens);
	words->everybodys = points_by(words, everybodys(personal->courier), NULL);
	return true;
}

/* False: the message can't be read now. Its delivery will say so. */
static bool has_words(struct courier_personal *personal)
{
	if (personal->words || personal->unreadable)
		return personal->words != NULL;
	struct courier_personal_words *words = memory_new(sizeof *words);
	*words = (struct courier_personal_words){.arena = arena_new()};
	if (read_words(personal, words))
		personal->words = words;
	else
		free_words(&words);
	personal->unreadable = !words;
	return words != NULL;
}

/* The difference that the account's own store makes. */
static int own_points(struct courier_personal *personal, struct slice account)
{
	struct error error;
	char *path = store_account_file(personal->courier->store, account, TRAINING_TOKENS, &error);
	struct classify_store *own = path ? classify_store_read_foreign(path, &error) : NULL;
	int points = 0;
	if (own && has_words(personal))
		points = points_by(personal->words, everybodys(personal->courier), own) - personal->words->everybodys;
	classify_store_close(&own);
	free(path);
	return points;
}

/* ---- People ---- */

static char *correspondents_of(struct courier *courier, struct slice account)
{
	struct error error;
	return store_account_file(courier->store, account, TRAINING_CORRESPONDENTS, &error);
}

/* SCORE_RULES: none; it has been in touch before. Only a sender whose domain vouches for it counts as anybody. */
static enum score_rule acquaintance(struct courier_personal *personal, struct slice account)
{
	char *path = correspondents_of(personal->courier, account);
	struct slice author = personal->message->author;
	int64_t now = personal->message->arrived;
	enum score_rule rule = SCORE_FIRST_CONTACT;
	if (path && training_correspondents_has(path, TRAINING_WRITTEN_TO, author, now))
		rule = SCORE_KNOWN_CORRESPONDENT;
	else if (path && training_correspondents_has(path, TRAINING_HEARD_FROM, author, now))
		rule = SCORE_RULES;
	free(path);
	return rule;
}

void courier_personal_heard(struct courier *courier, const struct queue_message *message, struct slice account)
{
	if (!message->weighed || message->author.len == 0)
		return;
	char *path = correspondents_of(courier, account);
	if (path)
		training_correspondents_note(path, TRAINING_HEARD_FROM, &message->author, 1, message->arrived);
	free(path);
}

void courier_personal_wrote(struct courier *courier, const struct courier_letter *letter)
{
	const struct queue_message *message = &letter->work->message;
	struct slice addresses[TRAINING_RECIPIENTS_MAX];
	size_t count = 0;
	if (message->account.len == 0 || message->from.len == 0)
		return;
	struct arena *arena = arena_new();
	for (size_t i = 0; i < letter->count && count < TRAINING_RECIPIENTS_MAX; i++)
		if (letter->addressees[i].recipient->attempts == 0)
			addresses[count++] = address_canonical(letter->addressees[i].recipient->address, arena);
	char *path = count > 0 ? correspondents_of(courier, message->account) : NULL;
	if (path)
		training_correspondents_note(path, TRAINING_WRITTEN_TO, addresses, count, message->arrived);
	free(path);
	arena_free(&arena);
}

/* ---- The sum ---- */

static void add(struct buf *findings, const char *rule, int points)
{
	if (findings->len > 0)
		buf_append_char(findings, ';');
	buf_printf(findings, "%s ", rule);
	score_write_points(findings, points);
}

static int known_points(enum score_rule rule)
{
	struct score_settings settings;
	struct error error;
	return rule < SCORE_RULES && policy_settings_read(config_current(), &settings, &error) ? settings.points[rule] : 0;
}

int courier_personal_points(struct courier_personal *personal, struct slice account, struct buf *findings)
{
	if (!personal->message->weighed)
		return 0;
	enum score_rule rule = acquaintance(personal, account);
	int own = own_points(personal, account), known = known_points(rule);
	if (own != 0)
		add(findings, score_rule_name(SCORE_BAYES_OWN), own);
	if (known != 0)
		add(findings, score_rule_name(rule), known);
	return own + known;
}

void courier_personal_end(struct courier_personal *personal)
{
	if (personal->words)
		free_words(&personal->words);
}
