/* Brand indicators; see bimi.h. After draft-brand-indicators-for-message-identification: the record stands at SELECTOR._bimi.DOMAIN, the selector
 * in a field of the message, "default" without one; where the author's domain has none, its organization's counts. */
#include "bimi/bimi.h"

#include "message/header.h"

enum { TAGS_MAX = 20, SELECTOR_MAX = LOOKUP_LABEL_MAX };

static const char *const names[] = {
	[BIMI_PENDING] = "pending", [BIMI_PASS] = "pass", [BIMI_NONE] = "none", [BIMI_SKIPPED] = "skipped", [BIMI_DECLINED] = "declined", [BIMI_TEMPERROR] = "temperror",
	[BIMI_PERMERROR] = "permerror",
};

const char *bimi_result_name(enum bimi_result result)
{
	return names[result];
}

/* ---- Reading lists of tags ---- */

struct tag { struct slice name, value; };

/* Takes the next tag off *rest. False: there is none, or it is no tag (*broken). */
static bool next_tag(struct slice *rest, struct tag *tag, bool *broken)
{
	struct slice text = {NULL, 0};
	while (rest->len > 0 && slice_trim(text).len == 0)
		slice_cut(*rest, ';', &text, rest);
	if (slice_trim(text).len == 0)
		return false;
	*broken |= !slice_cut(text, '=', &tag->name, &tag->value);
	tag->name = slice_trim(tag->name);
	tag->value = slice_trim(tag->value);
	return !*broken && tag->name.len > 0;
}

/* The version comes first; what has another is none of ours. */
static bool takes_version(struct slice *text)
{
	struct tag tag;
	bool broken = false;
	return next_tag(text, &tag, &broken) && slice_equal_nocase(tag.name, SLICE("v")) && slice_equal_nocase(tag.value, SLICE("BIMI1"));
}

/* Empty, or an https URI of printable ASCII without what could end a field or a line. */
static bool is_location(struct slice uri)
{
	if (uri.len == 0)
		return true;
	if (uri.len > BIMI_URI_MAX || !slice_starts_nocase(uri, SLICE("https://")) || uri.len == SLICE("https://").len)
		return false;
	for (size_t i = 0; i < uri.len; i++)
		if (uri.at[i] <= ' ' || uri.at[i] > '~' || uri.at[i] == '"' || uri.at[i] == '<' || uri.at[i] == '>' || uri.at[i] == '\\')
			return false;
	return true;
}

enum bimi_read bimi_record_read(struct slice text, struct bimi_record *record)
{
	struct tag tag;
	bool broken = text.len > BIMI_RECORD_MAX, located = false, vouched = false;
	*record = (struct bimi_record){0};
	if (!takes_version(&text))
		return BIMI_NO_RECORD;
	for (int i = 0; !broken && next_tag(&text, &tag, &broken); i++) {
		bool location = slice_equal_nocase(tag.name, SLICE("l")), authority = slice_equal_nocase(tag.name, SLICE("a"));
		broken |= i == TAGS_MAX || (location && located) || (authority && vouched) || ((location || authority) && !is_location(tag.value));
		located |= location;
		vouched |= authority;
		if (location)
			record->location = tag.value;
		if (authority)
			record->authority = tag.value;
	}
	if (broken || (!located && record->authority.len == 0))
		return BIMI_UNREADABLE;
	return record->location.len == 0 && record->authority.len == 0 ? BIMI_DECLINES : BIMI_READ;
}

/* ---- Of a message ---- */

static bool is_selector(struct slice text)
{
	bool good = text.len > 0 && text.len <= SELECTOR_MAX;
	for (size_t i = 0; good && i < text.len; i++)
		good = ascii_is_alpha(text.at[i]) || ascii_is_digit(text.at[i]) || text.at[i] == '-' || text.at[i] == '_';
	return good;
}

/* What can't be read is as if it weren't there. */
static struct slice selector_of(struct slice header, struct arena *arena)
{
	struct header_field field;
	struct slice found = {NULL, 0};
	struct tag tag;
	bool broken = false;
	if (!header_find(header, SLICE("BIMI-Selector"), &field) || field.body.len > BIMI_FIELD_MAX)
		return SLICE("default");
	struct slice text = field.body;
	if (takes_version(&text))
		while (next_tag(&text, &tag, &broken))
			if (slice_equal_nocase(tag.name, SLICE("s")))
				found = tag.value;
	return !broken && is_selector(found) ? arena_copy(arena, found) : SLICE("default");
}

/* DMARC passes, and what would fail isn't let through: else anybody could bear the logo. */
static const char *why_not(const struct dmarc_verdict *dmarc)
{
	if (dmarc->result != DMARC_PASS)
		return "DMARC doesn't pass";
	if (dmarc->policy == DMARC_POLICY_NONE || dmarc->record.testing)
		return "the domain's policy lets forgeries through (DMARC)";
	if (dmarc->record.sp == DMARC_POLICY_NONE)
		return "the domain's policy lets forgeries of its subdomains through (DMARC)";
	return NULL;
}

/* Several records are as none that can be read. */
static enum bimi_result judge(const struct lookup_answer *answer, struct bimi_verdict *verdict)
{
	static const struct { enum bimi_result result; const char *reason; } ends[] = {
		[BIMI_READ] = {BIMI_PASS, "the domain publishes a logo"}, [BIMI_UNREADABLE] = {BIMI_PERMERROR, "the record can't be read"},
		[BIMI_DECLINES] = {BIMI_DECLINED, "the domain wants no logo shown"}, [BIMI_NO_RECORD] = {BIMI_NONE, "there is no record"},
	};
	enum bimi_read read = BIMI_NO_RECORD;
	size_t count = 0;
	for (size_t i = 0; i < answer->count; i++) {
		struct bimi_record record;
		enum bimi_read one = bimi_record_read(answer->records[i].data, &record);
		if (one == BIMI_NO_RECORD)
			continue;
		read = ++count > 1 ? BIMI_UNREADABLE : one;
		verdict->record = read == BIMI_READ ? record : (struct bimi_record){0};
	}
	verdict->reason = count > 1 ? "there are several records" : ends[read].reason;
	return ends[read].result;
}

static enum bimi_result look(struct slice domain, struct lookup *table, struct arena *arena, struct bimi_verdict *verdict)
{
	struct slice name = arena_printf(arena, "%.*s._bimi.%.*s", SLICE_ARG(verdict->selector), SLICE_ARG(domain));
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_TXT, name);
	verdict->domain = domain;
	if (answer->status == LOOKUP_WANTED)
		return BIMI_PENDING;
	verdict->reason = "the DNS doesn't answer";
	return answer->status == LOOKUP_FAILED ? BIMI_TEMPERROR : judge(answer, verdict);
}

enum bimi_result bimi_check(struct slice header, const struct dmarc_verdict *dmarc, struct lookup *table, struct arena *arena, struct bimi_verdict *verdict)
{
	bool shared = dmarc->record.psd == DMARC_PSD_YES; /* the policy is that of a registry, for all below it */
	struct slice organization = dmarc->organization.len > 0 || shared ? dmarc->organization : dmarc->policy_domain;
	*verdict = (struct bimi_verdict){.result = BIMI_SKIPPED, .reason = why_not(dmarc)};
	if (verdict->reason)
		return verdict->result;
	verdict->selector = selector_of(header, arena);
	verdict->result = look(dmarc->author, table, arena, verdict);
	if (verdict->result == BIMI_NONE && organization.len > 0 && !slice_equal_nocase(organization, dmarc->author))
		verdict->result = look(organization, table, arena, verdict);
	return verdict->result;
}
