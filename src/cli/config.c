/* pombal config: the values that the server works by. */
#include "cli/commands.h"
#include "cli/config_change.h"
#include "cli/instance.h"
#include "cli/offered.h"

enum { CONFIG_TEXT_MAX = 4 * 1024 * 1024 };

json_t *cli_config_json(const struct config *config, const struct option *option)
{
	const char *at = (const char *)config + option->offset;
	const struct config_string_list *list = (const struct config_string_list *)at;
	json_t *array;
	switch (option->kind) {
	case OPTION_KIND_FLAG:
		return json_boolean(*(const bool *)at);
	case OPTION_KIND_TEXT:
		return cli_json_of_slice(slice_of(*(const char *const *)at));
	case OPTION_KIND_LIST:
		array = json_array();
		for (size_t i = 0; i < list->count; i++)
			json_array_append_new(array, cli_json_of_slice(slice_of(list->at[i])));
		return array;
	default:
		return json_integer(*(const int64_t *)at);
	}
}

static int print_all_json(void)
{
	json_t *object = json_object();
	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].kind != OPTION_KIND_SECTION)
			json_object_set_new(object, config_options[i].name, cli_config_json(config_current(), &config_options[i]));
	return command_print_json(object);
}

/* Each with when a change of it takes effect, as a comment: what is printed can be a pombal.conf. */
static void print_all(void)
{
	struct buf out = BUF(CONFIG_TEXT_MAX);
	for (size_t i = 0; i < config_option_count; i++) {
		if (config_options[i].kind == OPTION_KIND_SECTION)
			continue;
		buf_printf(&out, "%s = ", config_options[i].name);
		config_write_value(&out, config_current(), &config_options[i]);
		buf_printf(&out, "  # a change: %s\n", option_effects[config_options[i].effect]);
	}
	fwrite(out.at, 1, out.len, stdout);
	buf_free(&out);
}

static int print_one(struct command_line *line)
{
	const struct option *option = config_option(command_argument(line, 0));
	if (!option)
		return command_fail(line, "there is no option \"%s\"", line->arguments[0]);
	if (line->json)
		return command_print_json(json_pack("{s:o}", option->name, cli_config_json(config_current(), option)));
	struct buf out = BUF(CONFIG_TEXT_MAX);
	config_write_value(&out, config_current(), option);
	printf("%.*s\n", SLICE_ARG(buf_slice(&out)));
	buf_free(&out);
	return COMMAND_DONE;
}

static int print_example(void)
{
	struct buf out = BUF(CONFIG_TEXT_MAX);
	config_write_file(&out, config_current());
	fwrite(out.at, 1, out.len, stdout);
	buf_free(&out);
	return COMMAND_DONE;
}

static int run(struct command_line *line)
{
	int status = COMMAND_DONE;
	if (command_value(line, "example")) /* with the defaults: config_current() before anything was loaded */
		status = print_example();
	else if (!instance_enter(line))
		status = COMMAND_FAILED;
	else if (line->count > 0)
		status = print_one(line);
	else if (line->json)
		status = print_all_json();
	else
		print_all();
	config_free_all();
	return status;
}

/* The sentences of the manual pages: what was translated of them, and all that were asked for. */
struct sentences {
	json_t *translated; /* object: English to the other language; NULL: none */
	json_t *asked;      /* object with the English ones as its keys, in their order */
};

static const char *sentence_of(void *context, const char *sentence)
{
	struct sentences *sentences = context;
	json_object_set_new(sentences->asked, sentence, json_true());
	const char *translated = json_string_value(json_object_get(sentences->translated, sentence));
	return translated ? translated : sentence;
}

static void write_page(struct buf *out, struct command_line *line, struct slice page, const struct config_words *words)
{
	if (slice_equal(page, SLICE("pombal.conf")))
		config_write_manual(out, words);
	else
		command_write_manual(out, words, line->groups);
}

/* As a JSON list, for what looks after translations. */
static void write_sentences(struct buf *out, struct command_line *line, const struct config_words *words, const struct sentences *sentences)
{
	write_page(out, line, SLICE("pombal"), words);
	write_page(out, line, SLICE("pombal.conf"), words);
	buf_clear(out);
	json_t *list = json_array();
	const char *sentence;
	json_t *value;
	json_object_foreach(sentences->asked, sentence, value)
		json_array_append_new(list, json_string(sentence));
	char *text = json_dumps(list, JSON_INDENT(0));
	buf_append_text(out, text);
	free(text);
	json_decref(list);
}

/* For the build, and for the documents: writes a page to standard output. */
static int run_manual(struct command_line *line)
{
	struct buf out = BUF(CONFIG_TEXT_MAX);
	struct slice page = command_argument(line, 0);
	struct sentences sentences = {.asked = json_object()};
	json_error_t error;
	if (line->count > 1 && !(sentences.translated = json_load_file(line->arguments[1], 0, &error))) {
		json_decref(sentences.asked);
		return command_fail(line, "%s, line %d: %s", line->arguments[1], error.line, error.text);
	}
	struct config_words words = {.of = sentence_of, .context = &sentences, .upper = !sentences.translated};
	if (slice_equal(page, SLICE("http")))
		command_write_http(&out);
	else if (slice_equal(page, SLICE("admin")))
		cli_offered_write_page(&out);
	else if (slice_equal(page, SLICE("sentences")))
		write_sentences(&out, line, &words, &sentences);
	else
		write_page(&out, line, page, &words);
	fwrite(out.at, 1, out.len, stdout);
	buf_free(&out);
	json_decref(sentences.asked);
	json_decref(sentences.translated);
	return COMMAND_DONE;
}

static const struct command_option set_options[] = {
	{"confirm", "SECONDS", "the change is taken back after so long, unless `pombal config confirm` keeps it; by the running server, also when it was restarted"},
	{0},
};
static const struct command_option history_options[] = {{"limit", "N", "only the last N changes"}, {0}};
static const struct command_option options[] = {{"example", NULL, "the documented file, with the defaults"}, {0}};

/* The longer names first: the first row that fits counts. */
const struct command cli_config_commands[] = {
	{"config options", "", "Lists all options: their kinds, defaults, values, what they mean, and how a change takes effect.", cli_config_list_options, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"config set", "OPTION=VALUE...", "Changes options in pombal.conf, all or none, and makes the running server follow. VALUE is written as it is there; OPTION= alone gives back the default.",
	 cli_config_set, set_options, 1, -1, COMMAND_JSON, ADMIN_CHANGES},
	{"config confirm", "", "Keeps the change that waits for it.", cli_config_confirm, NULL, 0, 0, COMMAND_JSON, ADMIN_CHANGES},
	{"config history", "", "Lists what was changed by `config set` and `config undo`: when, by whom, and what.", cli_config_list_history, history_options, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"config undo", "NUMBER", "Puts the values back that were there before a change of the history; other options stay.", cli_config_undo, set_options, 1, 1, COMMAND_JSON, ADMIN_CHANGES},
	{"config revert", "", "Takes the change back whose time is over; done by the server.", cli_config_revert, NULL, 0, 0, COMMAND_HIDDEN},
	{"config", "[OPTION]", "Shows the configuration that the server works by, defaults included.", run, options, 0, 1, COMMAND_JSON, ADMIN_READS},
	{"manual", "pombal|pombal.conf|sentences|http|admin [FILE]", "Writes a manual page (in another language, by a file of its sentences), these sentences, the page about HTTP, or the tables of that about administration.", run_manual, NULL, 1, 2, COMMAND_HIDDEN | COMMAND_NO_DATA},
	{0},
};
