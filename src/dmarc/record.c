/* Reading a DMARC Policy Record (RFC 9989 §4.7, §4.8): a list of tags, of which unknown ones are passed over, and known ones with a value that
 * can't be read have their default. Only the policies are stricter: see dmarc_record.usable. */
#include "dmarc/dmarc.h"

struct tag {
	struct slice name, value;
};

static bool is_word(struct slice value, const char *word)
{
	return slice_equal_nocase(value, slice_of(word));
}

/* Takes the next tag off *rest. False: there is none. One without "=" has an empty name. */
static bool next_tag(struct slice *rest, struct tag *tag)
{
	struct slice text;
	if (rest->len == 0)
		return false;
	slice_cut(*rest, ';', &text, rest);
	if (!slice_cut(text, '=', &tag->name, &tag->value))
		tag->name = slice_sub(text, 0, 0);
	tag->name = slice_trim(tag->name);
	tag->value = slice_trim(tag->value);
	return true;
}

static bool read_policy(struct slice value, enum dmarc_policy *policy)
{
	for (int i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++)
		if (is_word(value, dmarc_policy_name(i))) {
			*policy = i;
			return true;
		}
	return false;
}

/* A URI with a scheme and something behind it. */
static bool has_uri(struct slice list)
{
	struct slice uri;
	bool more = list.len > 0, found = false;
	while (more && !found) {
		more = slice_cut(list, ',', &uri, &list);
		uri = slice_trim(uri);
		size_t colon = slice_find_char(uri, ':');
		found = colon != SLICE_NONE && colon > 0 && colon + 1 < uri.len && ascii_is_alpha(uri.at[0]);
		for (size_t i = 0; found && i < uri.len; i++)
			found = uri.at[i] > ' ' && uri.at[i] < 0x7f;
	}
	return found;
}

/* Which of the policies are there. */
struct seen {
	bool sp, np, broken;
};

static void read_tag(const struct tag *tag, struct dmarc_record *record, struct seen *seen)
{
	struct slice value = tag->value;
	if (is_word(tag->name, "p"))
		seen->broken |= !read_policy(value, &record->p);
	else if (is_word(tag->name, "sp"))
		seen->broken |= !(seen->sp = read_policy(value, &record->sp));
	else if (is_word(tag->name, "np"))
		seen->broken |= !(seen->np = read_policy(value, &record->np));
	else if (is_word(tag->name, "psd"))
		record->psd = is_word(value, "y") ? DMARC_PSD_YES : is_word(value, "n") ? DMARC_PSD_NO : DMARC_PSD_UNKNOWN;
	else if (is_word(tag->name, "adkim"))
		record->strict_dkim = is_word(value, "s");
	else if (is_word(tag->name, "aspf"))
		record->strict_spf = is_word(value, "s");
	else if (is_word(tag->name, "t"))
		record->testing = is_word(value, "y");
	else if (is_word(tag->name, "rua"))
		record->rua = value;
	else if (is_word(tag->name, "ruf"))
		record->ruf = value;
	else if (is_word(tag->name, "fo"))
		record->fo = value;
}

bool dmarc_record_read(struct slice text, struct dmarc_record *record)
{
	struct tag tag;
	struct seen seen = {0};
	*record = (struct dmarc_record){.fo = SLICE("0")};
	if (text.len > DMARC_RECORD_MAX || !next_tag(&text, &tag) || !is_word(tag.name, "v") || !slice_equal(tag.value, SLICE("DMARC1")))
		return false;
	while (next_tag(&text, &tag))
		read_tag(&tag, record, &seen);
	if (seen.broken) { /* RFC 9989 §4.10.1 */
		record->usable = has_uri(record->rua);
		record->p = record->sp = record->np = DMARC_POLICY_NONE;
		return true;
	}
	record->usable = true;
	if (!seen.sp)
		record->sp = record->p;
	if (!seen.np)
		record->np = record->sp;
	return true;
}
