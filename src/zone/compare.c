/* Whether what the DNS says will do. The question isn't whether it is what we would have written, but whether mail works with it: who
 * has further hosts, senders or another policy has them on purpose. */
#include "zone/zone.h"

/* Texts of other uses stand under the same name: ours is known by its version. */
static const char *const versions[ZONE_NEXT_KEY + 1] = {
	[ZONE_SPF] = "v=spf1", [ZONE_DMARC] = "v=DMARC1", [ZONE_STS] = "v=STSv1", [ZONE_TLSRPT] = "v=TLSRPTv1", [ZONE_AGENTS] = "v=UAAC1",
	[ZONE_AUTHORITY] = "issue",
};

bool zone_is_of_purpose(const struct zone_record *record, struct slice data)
{
	struct slice version = slice_of(versions[record->purpose]);
	if (!slice_starts_nocase(data, version))
		return false;
	struct slice rest = slice_skip(data, version.len);
	return version.len == 0 || rest.len == 0 || rest.at[0] == ' ' || rest.at[0] == ';';
}

/* Of "a=b; c=d"; empty: there is none. */
static struct slice tag_value(struct slice text, struct slice wanted)
{
	struct slice tag, name, value, none = {NULL, 0};
	while (text.len > 0) {
		slice_cut(text, ';', &tag, &text);
		if (slice_cut(tag, '=', &name, &value) && slice_equal(slice_trim(name), wanted))
			return slice_trim(value);
	}
	return none;
}

/* Base64 may be folded (RFC 6376 §3.2). */
static bool same_but_spaces(struct slice a, struct slice b)
{
	size_t i = 0, k = 0;
	for (;;) {
		while (i < a.len && ascii_is_space(a.at[i]))
			i++;
		while (k < b.len && ascii_is_space(b.at[k]))
			k++;
		if (i == a.len || k == b.len)
			return i == a.len && k == b.len;
		if (a.at[i++] != b.at[k++])
			return false;
	}
}

/* Does one of its mechanisms name the MX hosts, of which this server is one, and let them send (RFC 7208 §5.4)? */
static bool lets_mx_send(struct slice spf)
{
	struct slice term;
	bool lets = false;
	while (spf.len > 0 && !lets) {
		slice_cut(spf, ' ', &term, &spf);
		lets = slice_equal_nocase(term, SLICE("mx")) || slice_equal_nocase(term, SLICE("+mx"));
	}
	return lets;
}

static bool is_right(const struct zone_record *record, const struct lookup_record *there)
{
	const struct lookup_record *wanted = &record->value;
	switch (record->purpose) {
	case ZONE_SPF:
		return lets_mx_send(there->data);
	case ZONE_DKIM:
		return same_but_spaces(tag_value(there->data, SLICE("p")), tag_value(wanted->data, SLICE("p")));
	case ZONE_DMARC:
		return tag_value(there->data, SLICE("p")).len > 0;
	case ZONE_STS:
		return tag_value(there->data, SLICE("id")).len > 0;
	case ZONE_TLSRPT:
		return tag_value(there->data, SLICE("rua")).len > 0;
	case ZONE_AGENTS:
		return same_but_spaces(tag_value(there->data, SLICE("d")), tag_value(wanted->data, SLICE("d")));
	case ZONE_SERVICE:
		return slice_equal_nocase(there->data, wanted->data) && (there->port == wanted->port || wanted->data.len == 0);
	case ZONE_KEY:
	case ZONE_NEXT_KEY:
		return slice_equal(there->data, wanted->data);
	default:
		return slice_equal_nocase(there->data, wanted->data);
	}
}

static bool stands_alone(enum zone_purpose purpose)
{
	return purpose == ZONE_SPF || purpose == ZONE_DKIM || purpose == ZONE_DMARC || purpose == ZONE_STS || purpose == ZONE_TLSRPT;
}

static const char *advice_of(enum zone_purpose purpose, enum zone_state state)
{
	if (state == ZONE_RIGHT)
		return NULL;
	if (state == ZONE_UNKNOWN)
		return "The DNS doesn't answer: look after the resolver (option resolver), or try again later.";
	if (state == ZONE_MISSING)
		return "Add this record.";
	if (state == ZONE_SEVERAL)
		return purpose == ZONE_DKIM ? "Others may use any of these keys: leave the one record alone that is printed here." :
					      "With several none of them counts: make one record of them.";
	switch (purpose) {
	case ZONE_MX:
		return "Its mail goes elsewhere: add this record.";
	case ZONE_SPF:
		return "It doesn't name the MX hosts: add the word mx to it, unless it lets this server send by other words.";
	case ZONE_DKIM:
		return "That is another key: signatures won't verify until it is replaced by this record.";
	case ZONE_SERVICE:
	case ZONE_ALIAS:
		return "It leads clients elsewhere: replace it by this record, unless that is meant.";
	case ZONE_AGENTS:
		return "It is the digest of another document: clients won't take the one that is given now until it is replaced by this record.";
	case ZONE_KEY:
		return "Only other keys stand there, and whoever checks them (DANE) brings no mail here: add this record.";
	case ZONE_AUTHORITY:
		return "This authority would refuse to make a certificate: add this record to it.";
	default:
		return "It lacks what it is for, and counts as none: replace it by this record.";
	}
}

/* What was there, as lines would have it, within ZONE_THERE_MAX. */
static struct slice describe(const struct zone_record *record, const struct lookup_answer *answer, struct arena *arena)
{
	struct buf text = BUF(ZONE_THERE_MAX);
	for (size_t i = 0; i < answer->count && !text.overflow; i++) {
		struct buf line = BUF(ZONE_THERE_MAX);
		struct zone_record there = {.type = record->type, .value = answer->records[i]};
		there.value.data = slice_sub(there.value.data, 0, ZONE_THERE_MAX / 4); /* each byte may become four */
		if (!zone_is_of_purpose(record, there.value.data))
			continue;
		zone_write(&there, &line);
		buf_append(&text, text.len > 0 ? SLICE("; ") : SLICE(""));
		buf_append(&text, slice_skip(buf_slice(&line), 2)); /* its name's dot and a space */
		buf_free(&line);
	}
	struct slice copy = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static enum zone_state judge(const struct zone_record *record, const struct lookup_answer *answer)
{
	size_t ours = 0, right = 0;
	for (size_t i = 0; i < answer->count; i++)
		if (zone_is_of_purpose(record, answer->records[i].data)) {
			ours++;
			right += is_right(record, &answer->records[i]);
		}
	if (ours == 0 || (right == 0 && record->purpose == ZONE_NEXT_KEY))
		return ZONE_MISSING;
	if (ours > 1 && stands_alone(record->purpose))
		return ZONE_SEVERAL;
	return right > 0 ? ZONE_RIGHT : ZONE_DIFFERENT;
}

struct zone_finding zone_compare(const struct zone_record *record, const struct lookup_answer *answer, struct arena *arena)
{
	struct zone_finding finding = {.state = ZONE_MISSING};
	if (answer->status == LOOKUP_FAILED || answer->status == LOOKUP_WANTED)
		finding.state = ZONE_UNKNOWN;
	else if (answer->status == LOOKUP_FOUND)
		finding.state = judge(record, answer);
	if (finding.state != ZONE_UNKNOWN && finding.state != ZONE_MISSING)
		finding.there = describe(record, answer, arena);
	finding.advice = advice_of(record->purpose, finding.state);
	return finding;
}

const char *zone_state_name(enum zone_state state)
{
	static const char *const names[] = {"right", "missing", "different", "several", "unknown"};
	return names[state];
}
