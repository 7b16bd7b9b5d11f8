/* Reading what was written down of a message; see record.h. A record that was cut gives what is whole in it. */
#include "policy/record.h"

#include "attach/attach.h"

enum { NAME_SHOWN_MAX = 40, POINTS_MAX = 100000 /* of one: the sum of all of them is a number yet */ };

/* ---- what they mean ---- */

static const struct {
	const char *name;
	const char *text[SCORE_LANGUAGES];
} others[] = {
#define FOUND(NAME, english, russian, portuguese) {#NAME, {english, russian, portuguese}},
#include "policy/found.def"
#undef FOUND
};

static const char *attachment_text(struct slice name, enum score_language language)
{
	static const char *const languages[SCORE_LANGUAGES] = {"en", "ru", "pt"};
	for (enum attach_finding i = 0; i < ATTACH_FINDINGS; i++)
		if (slice_equal(name, slice_of(attach_finding_name(i))))
			return attach_finding_text(i, slice_of(languages[language]));
	return "";
}

const char *policy_record_text(struct slice name, enum score_language language)
{
	for (enum score_rule i = 0; i < SCORE_RULES; i++)
		if (slice_equal(name, slice_of(score_rule_name(i))))
			return score_rule_text(i, language);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (slice_equal(name, slice_of(others[i].name)))
			return others[i].text[language];
	return attachment_text(name, language);
}

/* ---- reading ---- */

bool policy_record_points(struct slice text, int *points)
{
	struct slice whole, part;
	uint64_t number, hundredths = 0;
	bool negative = text.len > 0 && text.at[0] == '-', point = slice_cut(slice_skip(text, negative), '.', &whole, &part);
	if (!slice_to_number(whole, POINTS_MAX, &number) || (point && (part.len > 2 || !slice_to_number(part, 99, &hundredths))))
		return false;
	*points = (int)(number * 100 + (part.len == 1 ? hundredths * 10 : hundredths));
	*points = negative ? -*points : *points;
	return true;
}

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!(name.at[i] >= 'A' && name.at[i] <= 'Z') && !ascii_is_digit(name.at[i]) && name.at[i] != '_')
			return false;
	return name.len > 0 && name.len <= NAME_SHOWN_MAX;
}

static bool read_one(struct slice text, enum score_language language, struct score_found *found)
{
	struct slice rest, points;
	if (!slice_cut(text, ' ', &found->name, &rest) || !is_name(found->name))
		return false;
	slice_cut(rest, ' ', &points, &found->detail);
	found->text = policy_record_text(found->name, language);
	return policy_record_points(points, &found->points);
}

size_t policy_record_read(struct slice record, char separator, enum score_language language, struct arena *arena, struct score_found **list)
{
	size_t count = 0;
	struct slice piece;
	*list = arena_array(arena, POLICY_RECORD_FINDINGS_MAX, sizeof **list);
	while (record.len > 0) {
		slice_cut(record, separator, &piece, &record);
		if (count < POLICY_RECORD_FINDINGS_MAX && read_one(piece, language, &(*list)[count]))
			count++;
		else if (count > 0 && count < POLICY_RECORD_FINDINGS_MAX && (*list)[count - 1].detail.len > 0)
			(*list)[count - 1].detail.len = (size_t)(piece.at + piece.len - (*list)[count - 1].detail.at);
	}
	return count;
}

static bool is_demand(const struct score_found *found)
{
	return slice_equal(found->name, SLICE("VIRUS_FOUND")) || slice_starts(found->name, SLICE("ATTACH_"));
}

const struct score_found *policy_record_main(const struct score_found *list, size_t count)
{
	const struct score_found *main = NULL;
	for (size_t i = 0; i < count; i++) {
		bool demand = is_demand(&list[i]);
		if (!main || (demand && !is_demand(main)) || (demand == is_demand(main) && list[i].points > main->points))
			main = &list[i];
	}
	return main;
}
