/* Reading the configuration with libConfuse, generated from options.def.
 *
 * Every option is given to libConfuse as text, or a list of texts: numbers, sizes and checks are ours, so that every
 * mistake is reported in the same way, with file and line. A mistake ends the parsing: a server must not run by half a
 * configuration. */
#include "config/config.h"

#include <confuse.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/file.h"
#include "base/memory.h"
#include "config/config_check.h"
#include "config/config_engine.h"

enum { CONFIG_FILE_MAX = 1024 * 1024 };

const struct option config_options[] = {
#define OPTION_SECTION(title) {.kind = OPTION_KIND_SECTION, .doc = title},
#define OPTION_COMMON(k, n, e, help) .kind = OPTION_KIND_##k, .effect = EFFECT_##e, .name = #n, .offset = offsetof(struct config, n), .doc = help
#define OPTION_FLAG(n, d, e, help) {OPTION_COMMON(FLAG, n, e, help), .number = d},
#define OPTION_NUMBER(n, d, low, high, e, help) {OPTION_COMMON(NUMBER, n, e, help), .number = d, .least = low, .most = high},
#define OPTION_SIZE(n, d, low, high, e, help) {OPTION_COMMON(SIZE, n, e, help), .number = d, .least = low, .most = high},
#define OPTION_DURATION(n, d, low, high, e, help) {OPTION_COMMON(DURATION, n, e, help), .number = d, .least = low, .most = high},
#define OPTION_TEXT(n, d, c, e, help) {OPTION_COMMON(TEXT, n, e, help), .text = d, .check = c},
#define OPTION_LIST(n, d, c, e, help) {OPTION_COMMON(LIST, n, e, help), .text = d, .check = c},
#include "config/options.def"
};
const size_t config_option_count = sizeof config_options / sizeof *config_options;

const char *const option_effects[EFFECT_COUNT] = {
	[EFFECT_LIVE] = "at once",
	[EFFECT_START] = "when the server is started the next time",
	[EFFECT_NETWORK] = "the roles that connect to other machines start anew",
#define ROLE(NAME, name, ...) [EFFECT_##NAME] = "the " #name " role starts anew",
#include "config/roles.def"
};

const struct option *config_option(struct slice name)
{
	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].name && slice_equal(name, slice_of(config_options[i].name)))
			return &config_options[i];
	return NULL;
}

/* ---- Putting values in their places ---- */

static void *field_of(struct config *config, const struct option *option) { return (char *)config + option->offset; }

static void list_add(struct config_string_list *list, struct slice entry)
{
	list->at = memory_resize(list->at, (list->count + 1) * sizeof *list->at);
	list->at[list->count++] = memory_copy(entry.at, entry.len);
}

static void list_clear(struct config_string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)(uintptr_t)list->at[i]);
	free(list->at);
	*list = (struct config_string_list){0};
}

static void set_text(const char **field, struct slice text)
{
	free((char *)(uintptr_t)*field);
	*field = memory_copy(text.at, text.len);
}

static void set_defaults(struct config *config)
{
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		struct slice entry, rest = slice_of(option->text);
		if (option->kind == OPTION_KIND_LIST)
			for (bool more = rest.len > 0; more;) {
				more = slice_cut(rest, ' ', &entry, &rest);
				list_add(field_of(config, option), entry);
			}
		else if (option->kind == OPTION_KIND_TEXT)
			set_text(field_of(config, option), rest);
		else if (option->kind == OPTION_KIND_FLAG)
			*(bool *)field_of(config, option) = option->number != 0;
		else if (option->kind != OPTION_KIND_SECTION)
			*(int64_t *)field_of(config, option) = option->number;
	}
}

static bool set_flag(bool *field, struct slice value, struct error *error)
{
	static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (slice_equal_nocase(value, slice_of(yes[i])) || slice_equal_nocase(value, slice_of(no[i]))) {
			*field = slice_equal_nocase(value, slice_of(yes[i]));
			return true;
		}
	return error_set(error, ERROR_INVALID, "\"%.*s\" is neither yes nor no", SLICE_ARG(value));
}

static bool set_number(struct config *config, const struct option *option, struct slice value, struct error *error)
{
	int64_t number;
	bool readable;
	const char *what;
	if (option->kind == OPTION_KIND_SIZE)
		readable = config_parse_size(value, &number), what = "a size such as 25M";
	else if (option->kind == OPTION_KIND_DURATION)
		readable = config_parse_duration(value, &number), what = "a time such as 90s, 5m, 4h or 3d";
	else
		readable = slice_to_number(value, INT64_MAX, (uint64_t *)&number), what = "a number";
	if (!readable)
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not %s", SLICE_ARG(value), what);
	if (number < option->least || number > option->most)
		return error_set(error, ERROR_INVALID, "%.*s is not between %lld and %lld", SLICE_ARG(value), (long long)option->least,
				 (long long)option->most);
	*(int64_t *)field_of(config, option) = number;
	return true;
}

/* Checks one value and puts it in its place (a list's entries later, in take_lists). A value that holds control characters would forge log lines and replies. */
static bool set_value(struct config *config, const struct option *option, struct slice value, struct error *error)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] < ' ' || value.at[i] == 0x7f)
			return error_set(error, ERROR_INVALID, "the value holds a control character");
	if (option->kind == OPTION_KIND_FLAG)
		return set_flag(field_of(config, option), value, error);
	if (option->kind != OPTION_KIND_TEXT && option->kind != OPTION_KIND_LIST)
		return set_number(config, option, value, error);
	if ((value.len > 0 || option->kind == OPTION_KIND_LIST) && option->check && !option->check(value, error))
		return false;
	if (option->kind == OPTION_KIND_TEXT)
		set_text(field_of(config, option), value);
	return true;
}

/* ---- libConfuse ---- */

/* libConfuse's call-backs know no context, and its scanner has global state: one parse at a time, described here. */
static struct {
	pthread_mutex_t lock;
	struct config *config;
	const char *path;
	struct error *error;
	bool failed;
} parse = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((format(printf, 2, 3))) static void fail_at(const cfg_t *cfg, const char *format, ...)
{
	if (parse.failed) /* the first mistake is the one to mend */
		return;
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	parse.failed = true;
	error_set(parse.error, ERROR_INVALID, "%s:%d: %s", parse.path, cfg->line, text);
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format, va_list args)
{
	char text[256];
	vsnprintf(text, sizeof text, format, args);
	fail_at(cfg, "%s", text);
}

/* Called by libConfuse after each value that it has read, and once more at the end of a list. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct option *option = config_option(slice_of(opt->name));
	unsigned count = cfg_opt_size(opt);
	struct error error;
	if (count > 0 && !set_value(parse.config, option, slice_of(cfg_opt_getnstr(opt, count - 1)), &error)) {
		fail_at(cfg, "%s: %s", option->name, error.text);
		return -1;
	}
	return 0;
}

static cfg_t *new_parser(void)
{
	cfg_opt_t *opts = memory_array(config_option_count + 1, sizeof *opts);
	size_t count = 0;
	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].kind != OPTION_KIND_SECTION)
			opts[count++] = (cfg_opt_t){
				.name = config_options[i].name,
				.type = CFGT_STR,
				.flags = CFGF_NODEFAULT | (config_options[i].kind == OPTION_KIND_LIST ? CFGF_LIST : CFGF_NONE),
				.validcb = on_value,
			};
	opts[count] = (cfg_opt_t)CFG_END();
	cfg_t *cfg = cfg_init(opts, CFGF_NONE);
	free(opts); /* libConfuse keeps a copy */
	if (!cfg)
		memory_exhausted(0);
	cfg_set_error_function(cfg, on_error);
	return cfg;
}

/* Lists are taken over when the whole file is read: until then a later line may replace or extend them. */
static void take_lists(cfg_t *cfg, struct config *config)
{
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		unsigned count = option->kind == OPTION_KIND_LIST ? cfg_size(cfg, option->name) : 0;
		if (count > 0 || (option->kind == OPTION_KIND_LIST && cfg_getopt(cfg, option->name)->flags & CFGF_RESET)) /* the latter: {} */
			list_clear(field_of(config, option));
		for (unsigned k = 0; k < count; k++)
			list_add(field_of(config, option), slice_of(cfg_getnstr(cfg, option->name, k)));
	}
}

/* The length of the comment that begins at `at`, or 0. */
static size_t comment_length(struct slice text, size_t at)
{
	struct slice rest = slice_skip(text, at);
	bool at_word_start = at == 0 || ascii_is_space(text.at[at - 1]);
	size_t end = SLICE_NONE;
	if (slice_starts(rest, SLICE("#")) || (at_word_start && slice_starts(rest, SLICE("//"))))
		end = slice_find_char(rest, '\n');
	else if (at_word_start && slice_starts(rest, SLICE("/*"))) {
		end = slice_find(slice_skip(rest, 2), SLICE("*/"));
		end = end == SLICE_NONE ? end : end + 4;
	} else
		return 0;
	return end == SLICE_NONE ? rest.len : end;
}

/* Comments become blanks before libConfuse sees them: its version 3.3 counts the lines of comments three times over, and
 * a mistake would be reported somewhere below its place. */
void config_blank_comments(char *at, size_t len)
{
	struct slice text = slice_make(at, len);
	char quote = '\0';
	for (size_t i = 0; i < len; i++) {
		if (quote != '\0' && at[i] == '\\')
			i++;
		else if (quote != '\0')
			quote = at[i] == quote ? '\0' : quote;
		else if (at[i] == '"' || at[i] == '\'')
			quote = at[i];
		else
			for (size_t n = comment_length(text, i); n > 0; n--, i += n > 0)
				at[i] = at[i] == '\n' ? '\n' : ' ';
	}
}

static bool run_parser(struct config *config, const char *text, const char *path, struct error *error)
{
	pthread_mutex_lock(&parse.lock);
	parse.config = config;
	parse.path = path;
	parse.error = error;
	parse.failed = false;
	cfg_t *cfg = new_parser();
	bool done = cfg_parse_buf(cfg, text) == CFG_SUCCESS && !parse.failed;
	if (!done)
		fail_at(cfg, "can't be read");
	else
		take_lists(cfg, config);
	cfg_free(cfg);
	pthread_mutex_unlock(&parse.lock);
	return done;
}

/* What is wrong only together. */
static bool fits_together(const struct config *config, const char *path, struct error *error)
{
	bool verified = slice_equal(slice_of(config->smarthost_tls), SLICE("starttls")) || slice_equal(slice_of(config->smarthost_tls), SLICE("implicit"));
	bool allowed = config->smarthost_unverified_password && slice_equal(slice_of(config->smarthost_tls), SLICE("opportunistic"));
	if (config->engines.count > CONFIG_ENGINES_MAX)
		return error_set(error, ERROR_INVALID, "%s: engines: there may be %d at most", path, CONFIG_ENGINES_MAX);
	if (!*config->smarthost || !*config->smarthost_user || verified || allowed)
		return true;
	return error_set(error, ERROR_INVALID, "%s: smarthost_user needs smarthost_tls = starttls or implicit: over \"%s\" anybody between could hear the password",
			 path, config->smarthost_tls);
}

struct config *config_parse(struct slice text, const char *path, struct error *error)
{
	if (slice_find_char(text, '\0') != SLICE_NONE) {
		error_set(error, ERROR_INVALID, "%s: holds a NUL byte", path);
		return NULL;
	}
	struct config *config = memory_new(sizeof *config);
	char *copy = memory_copy(text.at, text.len);
	config_blank_comments(copy, text.len);
	set_defaults(config);
	if (text.len > 0 && (!run_parser(config, copy, path, error) || !config_check_twice(slice_make(copy, text.len), path, error) ||
			     !fits_together(config, path, error)))
		config_free(&config);
	free(copy);
	return config;
}

struct config *config_load(const char *data, struct error *error)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/pombal.conf", data) >= (int)sizeof path) {
		error_set(error, ERROR_INVALID, "path too long: %s", data);
		return NULL;
	}
	struct buf text = BUF(CONFIG_FILE_MAX);
	struct config *config = NULL;
	if (file_read(path, &text, error))
		config = config_parse(buf_slice(&text), path, error);
	buf_free(&text);
	return config;
}

void config_free(struct config **config)
{
	if (!*config)
		return;
	for (size_t i = 0; i < config_option_count; i++) {
		if (config_options[i].kind == OPTION_KIND_LIST)
			list_clear(field_of(*config, &config_options[i]));
		else if (config_options[i].kind == OPTION_KIND_TEXT)
			free(*(char **)field_of(*config, &config_options[i]));
	}
	free(*config);
	*config = NULL;
}

/* ---- The current one ---- */

struct kept {
	struct config *config;
	struct kept *next;
};
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER; /* guards `kept` */
static struct kept *kept;
static _Atomic(const struct config *) current;

const struct config *config_current(void)
{
	const struct config *config = atomic_load_explicit(&current, memory_order_acquire);
	if (!config) {
		config_set_current(config_parse(SLICE(""), "defaults", NULL));
		config = atomic_load_explicit(&current, memory_order_acquire);
	}
	return config;
}

void config_set_current(struct config *config)
{
	struct kept *entry = memory_new(sizeof *entry);
	pthread_mutex_lock(&kept_lock);
	*entry = (struct kept){config, kept};
	kept = entry;
	atomic_store_explicit(&current, config, memory_order_release);
	pthread_mutex_unlock(&kept_lock);
}

void config_free_all(void)
{
	atomic_store(&current, NULL);
	while (kept) {
		struct kept *entry = kept;
		kept = entry->next;
		config_free(&entry->config);
		free(entry);
	}
}
