/* Findings about a message; see findings.h. */
#include "policy/findings.h"

#include "base/array.h"

/* As one line of text: control characters become blanks. */
static struct slice line_of(struct policy_findings *findings, struct slice text, size_t max)
{
	struct slice copy = arena_copy(findings->arena, slice_sub(text, 0, max));
	char *at = arena_text(findings->arena, copy);
	for (size_t i = 0; i < copy.len; i++)
		at[i] = (unsigned char)copy.at[i] < ' ' || copy.at[i] == 0x7f ? ' ' : copy.at[i];
	while (copy.len > 0 && copy.len < text.len && ((unsigned char)text.at[copy.len] & 0xc0) == 0x80)
		copy.len--; /* no part of a character */
	return slice_make(at, copy.len);
}

void policy_findings_add(struct policy_findings *findings, struct slice rule, int points, struct slice detail)
{
	int64_t sum = (int64_t)findings->points + points;
	findings->points = sum > POLICY_POINTS_MAX ? POLICY_POINTS_MAX : sum < -POLICY_POINTS_MAX ? -POLICY_POINTS_MAX : (int)sum;
	if (findings->count >= POLICY_FINDINGS_MAX)
		return;
	ARENA_GROW(findings->arena, findings->list, findings->count, findings->room);
	findings->list[findings->count++] = (struct policy_finding){line_of(findings, rule, POLICY_WORD_MAX), points, line_of(findings, detail, POLICY_DETAIL_MAX)};
}

void policy_findings_demand(struct policy_findings *findings, enum policy_action action, struct slice reply)
{
	findings->suspect |= action == POLICY_JUNK;
	findings->usual = action > findings->usual ? action : findings->usual;
	if (action <= findings->action)
		return;
	findings->action = action;
	findings->reply = line_of(findings, reply, POLICY_REPLY_MAX);
}

struct slice policy_findings_ascii(const struct policy_findings *findings, struct slice text)
{
	struct slice copy = arena_copy(findings->arena, text);
	char *at = arena_text(findings->arena, copy);
	for (size_t i = 0; i < copy.len; i++)
		at[i] = copy.at[i] >= ' ' && copy.at[i] < 0x7f ? copy.at[i] : '?';
	return slice_make(at, copy.len);
}

void policy_findings_field(struct policy_findings *findings, struct slice field)
{
	if (policy_are_fields(field) && findings->fields.len + field.len <= POLICY_FIELD_MAX)
		findings->fields = arena_printf(findings->arena, "%.*s%.*s", SLICE_ARG(findings->fields), SLICE_ARG(field));
}

static struct slice line_told(const struct policy_findings *findings, const struct policy_finding *finding)
{
	int points = finding->points < 0 ? -finding->points : finding->points;
	return arena_printf(findings->arena, "%.*s %s%d.%02d%s%.*s\n", SLICE_ARG(finding->rule), finding->points < 0 ? "-" : "", points / 100, points % 100,
			    finding->detail.len > 0 ? " " : "", SLICE_ARG(finding->detail));
}

void policy_findings_write(const struct policy_findings *findings, struct buf *out)
{
	for (size_t i = 0, left = POLICY_RECORD_MAX; i < findings->count; i++) {
		struct slice line = line_told(findings, &findings->list[i]);
		if (line.len > left)
			break;
		left -= line.len;
		buf_append(out, line);
	}
}
