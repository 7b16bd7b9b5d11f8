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

/* Text for roff: a backslash and a leading dot or quote mean something there. */
static void write_roff(struct buf *out, struct slice text)
{
	if (text.len > 0 && (text.at[0] == '.' || text.at[0] == '\''))
		buf_append_text(out, "\\&");
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '\\')
			buf_append_text(out, "\\e");
		else if (text.at[i] == '-')
			buf_append_text(out, "\\-");
		else
			buf_append_char(out, text.at[i]);
	}
}

static void write_bounds(struct buf *out, const struct option *option)
{
	static const char *const kinds[] = {"", "yes or no", "number", "size", "time", "text", "list"};
	struct option end = *option;
	buf_printf(out, " (%s", kinds[option->kind]);
	if (option->least != 0 || option->most != 0) {
		end.number = option->least;
		buf_append_text(out, ", ");
		config_write_value(out, NULL, &end);
		end.number = option->most;
		buf_append_text(out, " to ");
		config_write_value(out, NULL, &end);
	}
	buf_append_text(out, "; default: ");
	struct buf value = BUF(4096);
	config_write_value(&value, NULL, option);
	write_roff(out, buf_slice(&value));
	buf_free(&value);
	buf_printf(out, "; a change takes effect: %s)\n", option_effects[option->effect]);
}

void config_write_manual(struct buf *out)
{
	buf_append_text(out, ".TH POMBAL.CONF 5 " POMBAL_DATE " \"Pombal " POMBAL_VERSION "\" \"Pombal\"\n"
			     ".SH NAME\npombal.conf \\- configuration of the Pombal mail system\n"
			     ".SH DESCRIPTION\nThe file\n.I pombal.conf\nin the data directory holds lines of the form\n.PP\n.RS\n"
			     "name = value\n.RE\n.PP\nand comments, which begin with #. An option that is not named has its default. "
			     "Times are written 90s, 5m, 4h, 3d, 2w; sizes 64K, 25M, 2G; texts \"in quotes\"; lists {\"a\", \"b\"}. "
			     "An unknown option or an unusable value is refused, with the line in which it stands. "
			     "After a change,\n.B pombal check\nlooks the file over and\n.B pombal reload\n"
			     "makes the running server follow it, and says how: each option below names when a change takes effect. "
			     "\"At once\" is for all that begins then: a session that is open keeps what it began with. "
			     "Where a role starts anew, its sessions end what they are doing, for the option drain_time at most, and new "
			     "connections wait until it is there again.\n");
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION) {
			buf_append_text(out, ".SH \"");
			struct buf title = BUF(256);
			for (const char *at = option->doc; *at && *at != ':'; at++)
				buf_append_char(&title, ascii_upper(*at));
			buf_append(out, buf_slice(&title));
			buf_free(&title);
			buf_append_text(out, "\"\n");
			continue;
		}
		buf_printf(out, ".TP\n.B %s\n", option->name);
		write_roff(out, slice_of(option->doc));
		write_bounds(out, option);
	}
	buf_append_text(out, ".SH SEE ALSO\n.BR pombal (1)\n");
}
