/* Settings at the end of an option's entry; see config_settings.h. */
#include "config/config_settings.h"

#include "base/buf.h"

enum { NAMES_MAX = 500, LABEL_MAX = 63 };

bool config_is_dns_name(struct slice name, size_t most)
{
	struct slice label, rest = name;
	bool more = name.len > 0 && name.len <= most, good = more;
	while (good && more) {
		more = slice_cut(rest, '.', &label, &rest);
		good = label.len > 0 && label.len <= LABEL_MAX;
		for (size_t i = 0; good && i < label.len; i++)
			good = ascii_is_alpha(label.at[i]) || ascii_is_digit(label.at[i]) || label.at[i] == '-' || label.at[i] == '_';
	}
	return good;
}

struct slice config_next_word(struct slice *rest)
{
	struct slice word;
	*rest = slice_trim(*rest);
	slice_cut(*rest, ' ', &word, rest);
	return word;
}

static bool is_unknown(struct slice word, const struct config_setting *table, size_t count, const char *whose, struct error *error)
{
	struct buf names = BUF(NAMES_MAX);
	for (size_t i = 0; i < count; i++)
		buf_printf(&names, "%s%s=", i == 0 ? "" : i + 1 < count ? ", " : " or ", table[i].name);
	error_set(error, ERROR_INVALID, "\"%.*s\" is no setting of %s: %.*s", SLICE_ARG(word), whose, SLICE_ARG(buf_slice(&names)));
	buf_free(&names);
	return false;
}

static bool take(struct slice word, const struct config_setting *table, size_t count, const char *whose, void *target, uint32_t *seen, struct error *error)
{
	struct slice name, value;
	bool cut = slice_cut(word, '=', &name, &value);
	for (size_t i = 0; i < count; i++) {
		if (!cut || !slice_equal(name, slice_of(table[i].name)))
			continue;
		if (*seen & 1U << i)
			return error_set(error, ERROR_INVALID, "%s is set twice", table[i].name);
		*seen |= 1U << i;
		return table[i].set(value, target) || error_set(error, ERROR_INVALID, "%s: \"%.*s\" is not %s", table[i].name, SLICE_ARG(value), table[i].allowed);
	}
	return is_unknown(word, table, count, whose, error);
}

bool config_take_settings(struct slice rest, const struct config_setting *table, size_t count, const char *whose, void *target, struct error *error)
{
	struct slice word;
	uint32_t seen = 0;
	bool good = true;
	while (good && (word = config_next_word(&rest)).len > 0)
		good = take(word, table, count, whose, target, &seen, error);
	return good;
}
