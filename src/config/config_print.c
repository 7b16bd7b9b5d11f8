/* What people read of the options table: the documented file and the manual page. */
#include "config/config.h"

enum { FILE_WIDTH = 100, VALUE_TEXT_MAX = 2 * 1024 * 1024 /* what a file may hold, all of it quoted */ };

/* `text` as comment lines of at most FILE_WIDTH columns. */
static void write_comment(struct buf *out, struct slice text)
{
	struct slice word;
	size_t column = 0;
	for (bool more = true; more;) {
		more = slice_cut(text, ' ', &word, &text);
		if (column > 0 && column + 1 + word.len > FILE_WIDTH) {
			buf_append_char(out, '\n');
			column = 0;
		}
		buf_append_text(out, column == 0 ? "# " : " ");
		buf_append(out, word);
		column += word.len + (column == 0 ? 2 : 1);
	}
	buf_append_char(out, '\n');
}

bool config_same_value(const struct config *a, const struct config *b, const struct option *option)
{
	struct buf one = BUF(VALUE_TEXT_MAX), other = BUF(VALUE_TEXT_MAX);
	config_write_value(&one, a, option);
	config_write_value(&other, b, option);
	bool same = slice_equal(buf_slice(&one), buf_slice(&other));
	buf_free(&one);
	buf_free(&other);
	return same;
}

void config_write_file(struct buf *out, const struct config *config)
{
	write_comment(out, SLICE("The configuration of Pombal. Options that begin with # stand there with their defaults. Times are written 90s, 5m, "
				 "4h, 3d; sizes 64K, 25M; lists {\"a\", \"b\"}. After a change: `pombal check`, then `pombal reload`; where nothing else is said a change "
				 "takes effect at once, for all that begins then."));
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION) {
			buf_printf(out, "\n# ---- %s ----\n", option->doc);
			continue;
		}
		buf_append_char(out, '\n');
		write_comment(out, slice_of(option->doc));
		if (option->effect != EFFECT_LIVE)
			buf_printf(out, "# A change: %s.\n", option_effects[option->effect]);
		buf_printf(out, "%s%s = ", config_same_value(config, NULL, option) ? "#" : "", option->name);
		config_write_value(out, config, option);
		buf_append_char(out, '\n');
	}
}

void config_write_roff(struct buf *out, struct slice text)
{
	bool bold = false;
	if (text.len > 0 && (text.at[0] == '.' || text.at[0] == '\''))
		buf_append_text(out, "\\&");
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '`')
			buf_append_text(out, (bold = !bold) ? "\\fB" : "\\fR");
		else if (text.at[i] == '\\')
			buf_append_text(out, "\\e");
		else if (text.at[i] == '-')
			buf_append_text(out, "\\-");
		else
			buf_append_char(out, text.at[i]);
	}
}

void config_write_title(struct buf *out, const struct config_words *words, const char *title)
{
	buf_append_text(out, ".SH \"");
	for (const char *at = words->of(words->context, title); *at; at++)
		buf_append_char(out, words->upper ? ascii_upper(*at) : *at);
	buf_append_text(out, "\"\n");
}

static void write_sentence(struct buf *out, const struct config_words *words, const char *sentence)
{
	config_write_roff(out, slice_of(words->of(words->context, sentence)));
}

static void write_bounds(struct buf *out, const struct config_words *words, const struct option *option)
{
	static const char *const kinds[] = {"", "yes or no", "number", "size", "time", "text", "list"};
	struct option end = *option;
	buf_append_text(out, " (");
	write_sentence(out, words, kinds[option->kind]);
	if (option->least != 0 || option->most != 0) {
		end.number = option->least;
		buf_append_text(out, ", ");
		config_write_value(out, NULL, &end);
		end.number = option->most;
		write_sentence(out, words, " to ");
		config_write_value(out, NULL, &end);
	}
	write_sentence(out, words, "; default: ");
	struct buf value = BUF(4096);
	config_write_value(&value, NULL, option);
	config_write_roff(out, buf_slice(&value));
	buf_free(&value);
	write_sentence(out, words, "; a change takes effect: ");
	write_sentence(out, words, option_effects[option->effect]);
	buf_append_text(out, ")\n");
}

/* A section's title, which ends at a colon; the rest of it is for the example file. */
static void write_section(struct buf *out, const struct config_words *words, const struct option *option)
{
	struct buf title = BUF(256);
	for (const char *at = option->doc; *at && *at != ':'; at++)
		buf_append_char(&title, *at);
	buf_append_char(&title, '\0');
	config_write_title(out, words, title.at);
	buf_free(&title);
}

static void write_head(struct buf *out, const struct config_words *words)
{
	buf_append_text(out, ".TH POMBAL.CONF 5 " POMBAL_DATE " \"Pombal " POMBAL_VERSION "\" \"Pombal\"\n.nh\n"); /* names stay whole */
	config_write_title(out, words, "Name");
	buf_append_text(out, "pombal.conf \\- ");
	write_sentence(out, words, "configuration of the Pombal mail system");
	buf_append_char(out, '\n');
	config_write_title(out, words, "Description");
	write_sentence(out, words, "The file `pombal.conf` in the data directory holds lines of the form");
	buf_append_text(out, "\n.PP\n.RS\n");
	write_sentence(out, words, "name = value");
	buf_append_text(out, "\n.RE\n.PP\n");
	write_sentence(out, words, "and comments, which begin with #. An option that is not named has its default. "
				   "Times are written 90s, 5m, 4h, 3d, 2w; sizes 64K, 25M, 2G; texts \"in quotes\"; lists {\"a\", \"b\"}. "
				   "An unknown option or an unusable value is refused, with the line in which it stands.");
	buf_append_text(out, "\n.PP\n");
	write_sentence(out, words, "After a change, `pombal check` looks the file over and `pombal reload` "
				   "makes the running server follow it, and says how: each option below names when a change takes effect. "
				   "\"At once\" is for all that begins then: a session that is open keeps what it began with. "
				   "Where a role starts anew, its sessions end what they are doing, for the option drain_time at most, and new "
				   "connections wait until it is there again.");
	buf_append_char(out, '\n');
}

void config_write_manual(struct buf *out, const struct config_words *words)
{
	write_head(out, words);
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION) {
			write_section(out, words, option);
			continue;
		}
		buf_printf(out, ".TP\n.B %s\n", option->name);
		write_sentence(out, words, option->doc);
		write_bounds(out, words, option);
	}
	config_write_title(out, words, "See also");
	buf_append_text(out, ".BR pombal (1)\n");
}
