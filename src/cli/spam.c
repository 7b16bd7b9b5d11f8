/* pombal spam, pombal explain: what was learned of good and bad mail, and what a message in a file is judged to be, and why. What would have to be
 * asked of others (authentication, lists) is not known of a file, and no rule about it holds; of its sender, what our own field says (spam_personal.h). */
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/instance.h"
#include "cli/spam_files.h"
#include "cli/spam_personal.h"
#include "cli/spam_replay.h"
#include "cli/spam_settings.h"
#include "policy/settings.h"

enum { TEXT_MAX = 256 * 1024, CONFIG_MAX = 4 * 1024 * 1024 };

struct spam {
	struct command_line *line;
	struct classify_store *store; /* NULL: nothing was learned */
	struct cli_spam_personal *personal; /* of those that judge */
	struct score_settings settings;
	size_t failed;                /* files */
};

/* ---- the store ---- */

static const char *store_path(const struct spam *spam) { return arena_printf(spam->line->arena, "%s/policy/tokens", spam->line->data).at; }

/* Those of a configuration, and of the account that is asked about, if any. */
static bool read_settings(const struct spam *spam, const struct config *config, struct score_settings *settings, struct error *error)
{
	const char *account = command_value(spam->line, "account");
	return policy_settings_read(config, settings, error) && (!account || cli_spam_settings_apply(spam->line, account, settings, error));
}

/* Nothing learned is no failure. */
static bool begin_judging(struct spam *spam, struct error *error)
{
	spam->store = classify_store_read(store_path(spam), error);
	if (!spam->store && error->kind != ERROR_NOT_FOUND)
		return false;
	spam->personal = cli_spam_personal_open(spam->line, command_value(spam->line, "account"), error);
	return spam->personal && read_settings(spam, config_current(), &spam->settings, error);
}

static bool begin_learning(struct spam *spam, struct error *error)
{
	if (!file_make_folders(arena_printf(spam->line->arena, "%s/policy", spam->line->data).at, 0700, error))
		return false;
	spam->store = classify_store_open(store_path(spam), CLASSIFY_SHARED_SIZE, error);
	return spam->store != NULL;
}

/* Enters the instance, begins, acts on all that was named, and ends. */
static int work(struct spam *spam, bool (*begin)(struct spam *spam, struct error *error), int (*act)(struct spam *spam))
{
	struct error error;
	int status = COMMAND_FAILED;
	if (instance_enter_reading(spam->line))
		status = begin(spam, &error) ? act(spam) : command_fail_with(spam->line, &error);
	cli_spam_personal_close(&spam->personal);
	classify_store_close(&spam->store);
	config_free_all();
	return status == COMMAND_DONE && spam->failed > 0 ? COMMAND_FAILED : status;
}

/* ---- judging ---- */

static void judge(struct spam *spam, struct cli_spam_message *message, struct classify_verdict *learned, struct score_result *result)
{
	classify_judge(spam->store, cli_spam_personal_words(spam->personal), &message->tokens, learned);
	struct score_facts facts = {.message = message->bytes, .root = message->root, .shown = &message->shown, .bayes = learned->unsure ? -1 : learned->probability};
	cli_spam_personal_know(spam->personal, message, clock_now(), &facts.origin);
	score_evaluate(&facts, &spam->settings, message->arena, result);
}

static json_t *json_of_points(int points) { return json_real((double)points / 100); }

static json_t *json_of_result(const struct cli_spam_message *message, const struct classify_verdict *learned, const struct score_result *result)
{
	json_t *rules = json_array();
	for (size_t i = 0; i < result->count; i++)
		json_array_append_new(rules, json_pack("{s:s, s:o}", "rule", score_rule_name(result->hits[i].rule), "points", json_of_points(result->hits[i].points)));
	return json_pack("{s:o, s:o, s:s, s:o, s:f, s:b}", "file", cli_json_of_slice(slice_of(message->path)), "points", json_of_points(result->total), "verdict",
			 score_verdict_name(result->verdict), "rules", rules, "learned", learned->probability, "unsure", learned->unsure);
}

struct listing {
	struct spam *spam;
	json_t *array;
};

static void score_one(void *context, struct cli_spam_message *message)
{
	struct listing *listing = context;
	struct classify_verdict learned;
	struct score_result result;
	struct buf out = BUF(TEXT_MAX);
	judge(listing->spam, message, &learned, &result);
	if (listing->spam->line->json)
		json_array_append_new(listing->array, json_of_result(message, &learned, &result));
	else if (command_value(listing->spam->line, "fields"))
		score_write_fields(&out, &listing->spam->settings, result.total, score_result_tests(&result, message->arena), result.count);
	else {
		score_write_points(&out, result.total);
		printf("%7.*s  %-10s  ", SLICE_ARG(buf_slice(&out)), score_verdict_name(result.verdict));
		cli_print_safe(slice_of(message->path));
		putchar('\n');
		buf_clear(&out);
	}
	fwrite(out.len > 0 ? out.at : "", 1, out.len, stdout);
	buf_free(&out);
}

static int score_all(struct spam *spam)
{
	struct listing listing = {spam, json_array()};
	for (int i = 0; i < spam->line->count; i++)
		spam->failed += cli_spam_each(spam->line, spam->line->arguments[i], score_one, &listing);
	if (spam->line->json)
		command_print_json(json_incref(listing.array));
	json_decref(listing.array);
	return COMMAND_DONE;
}

static int run_score(struct command_line *line) { return work(&(struct spam){.line = line}, begin_judging, score_all); }

/* ---- explaining ---- */

static void print_clues(const struct classify_verdict *learned)
{
	for (size_t i = 0; i < learned->clue_count; i++) {
		printf("%7.0f%%  ", learned->clues[i].probability * 100);
		cli_print_safe(learned->clues[i].text);
		putchar('\n');
	}
}

static void explain_one(void *context, struct cli_spam_message *message)
{
	struct spam *spam = context;
	struct classify_verdict learned;
	struct score_result result;
	struct buf out = BUF(TEXT_MAX);
	judge(spam, message, &learned, &result);
	score_explain(&out, &spam->settings, &result, score_language(cli_explain_language(spam->line)));
	fwrite(out.at, 1, out.len, stdout);
	if (!learned.unsure)
		print_clues(&learned);
	buf_free(&out);
}

static int explain_it(struct spam *spam)
{
	if (spam->line->json)
		return score_all(spam);
	spam->failed += cli_spam_each(spam->line, spam->line->arguments[0], explain_one, spam);
	return COMMAND_DONE;
}

/* What isn't there as a file is the id of a message that came. */
static int run_explain(struct command_line *line)
{
	bool file = slice_equal(command_argument(line, 0), SLICE("-")) || (!line->caller && access(line->arguments[0], F_OK) == 0);
	return file ? work(&(struct spam){.line = line}, begin_judging, explain_it) : cli_explain_arrived(line);
}

/* ---- learning ---- */

struct learning {
	struct spam *spam;
	bool forget;
	enum classify_kind kind;
	unsigned outcomes[CLASSIFY_UNKNOWN + 1];
};

static void learn_one(void *context, struct cli_spam_message *message)
{
	struct learning *learning = context;
	struct classify_store *store = learning->spam->store;
	int64_t now = clock_now();
	enum classify_outcome outcome = learning->forget ? classify_unlearn(store, &message->tokens, now) : classify_learn(store, &message->tokens, learning->kind, now);
	learning->outcomes[outcome]++;
}

static int tell_learned(const struct learning *learning)
{
	struct classify_totals totals;
	char size[32];
	const unsigned *outcomes = learning->outcomes;
	classify_store_totals(learning->spam->store, &totals);
	if (learning->spam->line->json)
		return command_print_json(json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I}", "learned", outcomes[CLASSIFY_LEARNED], "changed", outcomes[CLASSIFY_CHANGED],
						    "known", outcomes[CLASSIFY_KNOWN], "forgotten", outcomes[CLASSIFY_FORGOTTEN], "unknown", outcomes[CLASSIFY_UNKNOWN],
						    "spam", totals.spam, "ham", totals.ham, "tokens", totals.tokens, "bytes", (json_int_t)totals.bytes));
	if (learning->forget)
		printf("forgotten: %u; not learned before: %u\n", outcomes[CLASSIFY_FORGOTTEN], outcomes[CLASSIFY_UNKNOWN]);
	else
		printf("learned: %u; changed: %u; known before: %u\n", outcomes[CLASSIFY_LEARNED], outcomes[CLASSIFY_CHANGED], outcomes[CLASSIFY_KNOWN]);
	printf("in all: %u spam, %u ham; %u tokens in %s\n", totals.spam, totals.ham, totals.tokens, cli_size_text(totals.bytes, size));
	return COMMAND_DONE;
}

static int learn_all(struct spam *spam)
{
	struct error error;
	struct learning learning = {.spam = spam, .kind = command_value(spam->line, "spam") ? CLASSIFY_SPAM : CLASSIFY_HAM};
	learning.forget = command_value(spam->line, "spam") == NULL && command_value(spam->line, "ham") == NULL;
	for (int i = 0; i < spam->line->count; i++)
		spam->failed += cli_spam_each(spam->line, spam->line->arguments[i], learn_one, &learning);
	classify_store_age(spam->store, clock_now());
	if (!classify_store_sync(spam->store, &error))
		return command_fail_with(spam->line, &error);
	bool any = false;
	for (size_t i = 0; i < sizeof learning.outcomes / sizeof *learning.outcomes; i++)
		any |= learning.outcomes[i] > 0;
	return any ? tell_learned(&learning) : COMMAND_DONE;
}

static int run_learn(struct command_line *line)
{
	if (!command_value(line, "spam") == !command_value(line, "ham"))
		return command_misuse(line, "it takes either --spam or --ham");
	return work(&(struct spam){.line = line}, begin_learning, learn_all);
}

static int run_forget(struct command_line *line) { return work(&(struct spam){.line = line}, begin_learning, learn_all); }

/* ---- replaying ---- */

enum { SIDE_NOW, SIDE_NEW, SIDES };

struct replay {
	struct spam *spam;
	enum classify_kind kind;
	struct score_settings settings[SIDES];
	unsigned counts[SIDES][CLASSIFY_SPAM + 1][SCORE_VERDICTS];
};

static void replay_one(void *context, struct cli_spam_message *message)
{
	struct replay *replay = context;
	for (int side = 0; side < SIDES; side++) {
		struct classify_verdict learned;
		struct score_result result;
		replay->spam->settings = replay->settings[side];
		judge(replay->spam, message, &learned, &result);
		replay->counts[side][replay->kind][result.verdict]++;
	}
}

static json_t *json_of_matrix(unsigned counts[CLASSIFY_SPAM + 1][SCORE_VERDICTS])
{
	json_t *matrix = json_object();
	for (int kind = 0; kind <= CLASSIFY_SPAM; kind++) {
		json_t *row = json_object();
		for (enum score_verdict i = 0; i < SCORE_VERDICTS; i++)
			json_object_set_new(row, score_verdict_name(i), json_integer(counts[kind][i]));
		json_object_set_new(matrix, kind == CLASSIFY_SPAM ? "spam" : "ham", row);
	}
	return matrix;
}

static void print_matrix(const char *title, unsigned counts[CLASSIFY_SPAM + 1][SCORE_VERDICTS])
{
	printf("%-10s", title);
	for (enum score_verdict i = 0; i < SCORE_VERDICTS; i++)
		printf("%12s", score_verdict_name(i));
	for (int kind = 0; kind <= CLASSIFY_SPAM; kind++) {
		printf("\n%-10s", kind == CLASSIFY_SPAM ? "  spam" : "  ham");
		for (enum score_verdict i = 0; i < SCORE_VERDICTS; i++)
			printf("%12u", counts[kind][i]);
	}
	putchar('\n');
}

static bool read_candidate(struct spam *spam, struct score_settings *settings, struct error *error)
{
	struct buf text = BUF(CONFIG_MAX);
	const char *path = command_value(spam->line, "config");
	struct config *config = file_read_regular(path, &text, error) ? config_parse(buf_slice(&text), path, error) : NULL;
	bool done = config && read_settings(spam, config, settings, error);
	config_free(&config);
	buf_free(&text);
	return done;
}

static int replay_all(struct spam *spam)
{
	struct error error;
	struct replay replay = {.spam = spam, .settings = {spam->settings, spam->settings}};
	if (!read_candidate(spam, &replay.settings[SIDE_NEW], &error))
		return command_fail_with(spam->line, &error);
	for (replay.kind = CLASSIFY_HAM; replay.kind <= CLASSIFY_SPAM; replay.kind++) {
		const char *folder = arena_printf(spam->line->arena, "%s/%s", spam->line->arguments[0], replay.kind == CLASSIFY_SPAM ? "spam" : "ham").at;
		spam->failed += cli_spam_each(spam->line, folder, replay_one, &replay);
	}
	if (spam->line->json)
		return command_print_json(json_pack("{s:o, s:o}", "present", json_of_matrix(replay.counts[SIDE_NOW]), "candidate", json_of_matrix(replay.counts[SIDE_NEW])));
	print_matrix("present", replay.counts[SIDE_NOW]);
	print_matrix("candidate", replay.counts[SIDE_NEW]);
	return COMMAND_DONE;
}

static int run_replay(struct command_line *line)
{
	bool kept = command_value(line, "quarantine") || command_value(line, "of");
	if (kept ? line->count > 0 || (command_value(line, "quarantine") && command_value(line, "of")) : line->count == 0)
		return command_misuse(line, "it takes either DIR, --quarantine or --of");
	if (kept)
		return cli_spam_replay_kept(line);
	if (line->caller)
		return command_misuse(line, "no folder of the server can be named");
	if (!command_value(line, "config"))
		return command_misuse(line, "with DIR it takes --config FILE");
	return work(&(struct spam){.line = line}, begin_judging, replay_all);
}

static const struct command_option learn_options[] = {{"spam", NULL, "they are spam"}, {"ham", NULL, "they are good mail"}, {0}};
#define ACCOUNT {"account", "ADDRESS", "as it is for this account: its thresholds, and its own words and correspondents count (of a message that came its thresholds alone)"}
static const struct command_option score_options[] = {ACCOUNT, {"fields", NULL, "prints the X-Spam fields of each instead"}, {0}};
static const struct command_option explain_options[] = {ACCOUNT, {"language", "LANGUAGE", "en, ru or pt; else the environment's (LC_ALL, LC_MESSAGES, LANG)"}, {0}};
static const struct command_option replay_options[] = {
	ACCOUNT,
	{"config", "FILE", "a candidate for pombal.conf", false, OPTION_LOCAL},
	{"set", "OPTION=VALUE", "of kept mail: as if this option were set so", true, 0},
	{"quarantine", NULL, "weighs what is in quarantine, the newest"},
	{"of", "ADDRESS", "weighs the mail of this account, the newest of each folder"},
	{"mailbox", "NAME", "… of this folder alone"},
	{"limit", "N", "weighs so many messages at most (200; 1000 at most)"},
	{0},
};

const struct command cli_spam_commands[] = {
	{"spam learn", "FILE|DIR...", "Learns what messages in files and folders are: spam or good mail. One that was learned before counts once.", run_learn, learn_options, 1, -1, COMMAND_JSON, ADMIN_CHANGES | ADMIN_FILE},
	{"spam forget", "FILE|DIR...", "Undoes what was learned of messages.", run_forget, NULL, 1, -1, COMMAND_JSON, ADMIN_CHANGES | ADMIN_FILE},
	{"spam score", "FILE|DIR...", "Judges messages: their points, and what these lead to.", run_score, score_options, 1, -1, COMMAND_JSON, ADMIN_READS | ADMIN_FILE},
	{"spam replay", "[DIR]", "Judges the messages of DIR/ham and DIR/spam by the present and a candidate configuration, and counts what becomes of each kind; or weighs mail that is kept here anew, and shows whose verdict changes. Nothing is changed.", run_replay,
	 replay_options, 0, 1, COMMAND_JSON, ADMIN_READS},
	{"explain", "FILE|MESSAGE-ID|ID", "Says why a message in a file is judged, or one that came was judged, as it is: each rule with its points, the smallest change that would have turned the verdict.", run_explain,
	 explain_options, 1, 1, COMMAND_JSON, ADMIN_READS},
	{0},
};
