/* Policy discovery, alignment, and what comes of them (RFC 9989 §4.10, §5.3). A walk up the tree asks for all its names at once, and
 * is read from the bottom, so that it ends where it must; where an answer is missing, the caller comes again. */
#include "dmarc/dmarc.h"

#include "message/address.h"
#include "message/header.h"

enum { ADDRESSES_MAX = 1000 }; /* of From fields that are looked at for their domains */

/* One walk: the names that are asked for, from the longest, and the records that were found. */
struct walk {
	struct slice names[DMARC_WALK_MAX];
	struct dmarc_record records[DMARC_WALK_MAX];
	bool found[DMARC_WALK_MAX];
	size_t count;
	bool pending, failed;
};

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	static const char *const names[] = {"none", "quarantine", "reject"};
	return names[policy];
}

const char *dmarc_result_name(enum dmarc_result result)
{
	static const char *const names[] = {"pending", "none", "pass", "fail", "temperror", "permerror"};
	return names[result];
}

/* ---- The walk (RFC 9989 §4.10) ---- */

static size_t count_labels(struct slice name)
{
	size_t count = 1;
	for (size_t i = 0; i < name.len; i++)
		count += name.at[i] == '.';
	return count;
}

static struct slice without_first_label(struct slice name)
{
	size_t dot = slice_find_char(name, '.');
	return dot == SLICE_NONE ? slice_sub(name, 0, 0) : slice_skip(name, dot + 1);
}

/* The next name of a walk: of a long one seven labels are left. Empty: there is none. */
static struct slice next_name(struct slice name)
{
	do
		name = without_first_label(name);
	while (name.len > 0 && count_labels(name) >= DMARC_WALK_MAX);
	return name;
}

/* The record of one domain; several are none. */
static bool read_record(const struct lookup_answer *answer, struct dmarc_record *record)
{
	struct dmarc_record other;
	size_t count = 0;
	for (size_t i = 0; i < answer->count; i++)
		count += dmarc_record_read(answer->records[i].data, count == 0 ? record : &other);
	return count == 1;
}

/* Walks from `start` upwards. All names are asked for before an answer is read. */
static void walk_up(struct walk *walk, struct slice start, struct lookup *table, struct arena *arena)
{
	const struct lookup_answer *answers[DMARC_WALK_MAX];
	*walk = (struct walk){0};
	for (struct slice name = start; name.len > 0 && walk->count < DMARC_WALK_MAX; name = next_name(name)) {
		answers[walk->count] = lookup_get(table, LOOKUP_TXT, arena_printf(arena, "_dmarc.%.*s", SLICE_ARG(name)));
		walk->names[walk->count++] = name;
	}
	for (size_t i = 0; i < walk->count && !walk->pending; i++) {
		walk->pending = answers[i]->status == LOOKUP_WANTED;
		walk->failed |= answers[i]->status == LOOKUP_FAILED;
		walk->found[i] = read_record(answers[i], &walk->records[i]);
		if (walk->found[i] && walk->records[i].psd != DMARC_PSD_UNKNOWN)
			walk->count = i + 1;
	}
}

/* Index of the organizational domain among the names; the start, if nothing else is known (RFC 9989 §4.10.2). */
static size_t organization_of(const struct walk *walk)
{
	size_t shortest = 0;
	for (size_t i = 0; i < walk->count; i++) {
		if (!walk->found[i])
			continue;
		if (walk->records[i].psd == DMARC_PSD_NO)
			return i;
		if (walk->records[i].psd == DMARC_PSD_YES && i > 0)
			return i - 1;
		shortest = i;
	}
	return shortest;
}

/* Index of the record that applies; walk->count: there is none (RFC 9989 §4.10.1). */
static size_t policy_of(const struct walk *walk, size_t organization)
{
	if (walk->count == 0 || walk->found[0])
		return walk->count == 0 ? walk->count : 0;
	if (walk->found[organization])
		return organization;
	size_t last = walk->count - 1;
	return walk->found[last] && walk->records[last].psd == DMARC_PSD_YES ? last : walk->count;
}

/* ---- Does the author's domain exist (RFC 9989 §3.2.13)? ---- */

enum exists { EXISTS_PENDING, EXISTS_NO, EXISTS_YES, EXISTS_FAILED };

static enum exists domain_exists(struct slice domain, struct lookup *table)
{
	static const enum lookup_type types[] = {LOOKUP_A, LOOKUP_AAAA, LOOKUP_MX};
	enum exists exists = EXISTS_NO;
	bool pending = false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		enum lookup_status status = lookup_get(table, types[i], domain)->status;
		pending |= status == LOOKUP_WANTED;
		if (status == LOOKUP_FOUND)
			return EXISTS_YES;
		if (status == LOOKUP_FAILED)
			exists = EXISTS_FAILED;
	}
	return pending ? EXISTS_PENDING : exists;
}

/* ---- Alignment (RFC 9989 §4.4) ---- */

struct author {
	struct slice domain, organization;
	struct lookup *table;
	struct arena *arena;
};

static bool is_under(struct slice name, struct slice domain)
{
	bool dot = name.len > domain.len && name.at[name.len - domain.len - 1] == '.';
	return slice_ends_nocase(name, domain) && (name.len == domain.len || dot);
}

enum aligned { ALIGNED_NO, ALIGNED_YES, ALIGNED_PENDING, ALIGNED_FAILED };

/* Whoever isn't under the author's organizational domain can't have the same, and need not be looked at. */
static enum aligned is_aligned(const struct author *author, struct slice domain, bool strict)
{
	struct walk walk;
	if (slice_equal_nocase(author->domain, domain))
		return ALIGNED_YES;
	if (strict || !is_under(domain, author->organization) || !lookup_name_is_askable(domain))
		return ALIGNED_NO;
	walk_up(&walk, domain, author->table, author->arena);
	if (walk.pending)
		return ALIGNED_PENDING;
	if (walk.failed)
		return ALIGNED_FAILED;
	return slice_equal_nocase(walk.names[organization_of(&walk)], author->organization) ? ALIGNED_YES : ALIGNED_NO;
}

/* Looks at all identifiers. The worst that keeps from knowing, unless one is aligned. */
static enum aligned align(const struct author *author, const struct dmarc_identifier *identifiers, size_t count, struct dmarc_verdict *verdict)
{
	enum aligned all = ALIGNED_NO;
	bool pending = false;
	for (size_t i = 0; i < count && i < DMARC_IDENTIFIERS_MAX; i++) {
		bool spf = identifiers[i].by == DMARC_BY_SPF;
		enum aligned one = is_aligned(author, identifiers[i].domain, spf ? verdict->record.strict_spf : verdict->record.strict_dkim);
		pending |= one == ALIGNED_PENDING;
		if (one == ALIGNED_YES)
			*(spf ? &verdict->spf_aligned : &verdict->dkim_aligned) = true;
		if (all != ALIGNED_YES && one != ALIGNED_NO)
			all = one;
	}
	return pending ? ALIGNED_PENDING : all;
}

/* ---- A verdict ---- */

static enum dmarc_result conclude(struct dmarc_verdict *verdict, enum dmarc_result result, struct slice reason)
{
	verdict->result = result;
	verdict->reason = reason;
	return result;
}

/* What the record says of the author. *exists matters only for a domain under the record's. */
static bool choose_policy(struct dmarc_verdict *verdict, bool own, enum exists exists)
{
	const struct dmarc_record *record = &verdict->record;
	bool same = own || record->sp == record->np; /* then it needn't exist */
	verdict->policy = own ? record->p : exists == EXISTS_NO && !same ? record->np : record->sp;
	return same || exists == EXISTS_NO || exists == EXISTS_YES;
}

static enum dmarc_policy milder(enum dmarc_policy policy)
{
	return policy == DMARC_POLICY_NONE ? policy : policy - 1;
}

static enum dmarc_result judge(struct dmarc_verdict *verdict, enum aligned aligned, struct arena *arena)
{
	const char *policy = dmarc_policy_name(verdict->policy);
	if (aligned == ALIGNED_YES) {
		const char *by = verdict->spf_aligned && verdict->dkim_aligned ? "SPF and DKIM vouch" : verdict->spf_aligned ? "SPF vouches" : "DKIM vouches";
		return conclude(verdict, DMARC_PASS, arena_printf(arena, "%s for %.*s", by, SLICE_ARG(verdict->author)));
	}
	if (aligned == ALIGNED_FAILED)
		return conclude(verdict, DMARC_TEMPERROR, SLICE("the DNS has no answer about a domain that vouches"));
	verdict->disposition = verdict->record.testing ? milder(verdict->policy) : verdict->policy;
	return conclude(verdict, DMARC_FAIL, arena_printf(arena, "nothing vouches for %.*s, and %.*s says %s%s", SLICE_ARG(verdict->author),
							  SLICE_ARG(verdict->policy_domain), policy, verdict->record.testing ? ", testing" : ""));
}

enum dmarc_result dmarc_check(struct slice author, const struct dmarc_identifier *identifiers, size_t count, struct lookup *table, struct arena *arena,
			      struct dmarc_verdict *verdict)
{
	struct walk walk;
	*verdict = (struct dmarc_verdict){.author = author};
	if (!lookup_name_is_askable(author))
		return conclude(verdict, DMARC_PERMERROR, SLICE("the author's domain can't be a name"));
	walk_up(&walk, author, table, arena);
	if (walk.pending)
		return DMARC_PENDING;
	size_t organization = organization_of(&walk), applied = policy_of(&walk, organization);
	if (walk.failed)
		return conclude(verdict, DMARC_TEMPERROR, arena_printf(arena, "the DNS has no answer about the policy of %.*s", SLICE_ARG(author)));
	verdict->organization = walk.names[organization];
	if (applied == walk.count)
		return conclude(verdict, DMARC_NONE, arena_printf(arena, "%.*s has no policy", SLICE_ARG(author)));
	verdict->policy_domain = walk.names[applied];
	verdict->record = walk.records[applied];
	if (!verdict->record.usable)
		return conclude(verdict, DMARC_PERMERROR, arena_printf(arena, "the record of %.*s can't be read", SLICE_ARG(verdict->policy_domain)));
	bool needs = applied > 0 && verdict->record.sp != verdict->record.np;
	enum exists exists = needs ? domain_exists(author, table) : EXISTS_YES;
	struct author asked = {.domain = author, .organization = verdict->organization, .table = table, .arena = arena};
	enum aligned aligned = align(&asked, identifiers, count, verdict);
	if (aligned == ALIGNED_PENDING || (exists == EXISTS_PENDING && aligned != ALIGNED_YES))
		return DMARC_PENDING;
	if (!choose_policy(verdict, applied == 0, exists) && aligned != ALIGNED_YES)
		return conclude(verdict, DMARC_TEMPERROR, arena_printf(arena, "the DNS doesn't say whether %.*s exists", SLICE_ARG(author)));
	return judge(verdict, aligned, arena);
}

/* ---- A message ---- */

static bool add_author(struct slice domain, struct slice authors[DMARC_AUTHORS_MAX], size_t *count)
{
	for (size_t i = 0; i < *count && i < DMARC_AUTHORS_MAX; i++)
		if (slice_equal(authors[i], domain))
			return true;
	if (*count < DMARC_AUTHORS_MAX)
		authors[*count] = domain;
	return ++*count <= DMARC_AUTHORS_MAX;
}

/* The authors of one From field. False: there are too many. */
static bool add_authors(struct slice body, struct arena *arena, struct slice authors[DMARC_AUTHORS_MAX], size_t *count, bool *unreadable)
{
	struct address *list;
	size_t found;
	bool room = true;
	address_parse_list(body, ADDRESSES_MAX, arena, &list, &found);
	*unreadable |= found == 0;
	for (size_t i = 0; room && i < found; i++) {
		if (list[i].kind != ADDRESS_MAILBOX)
			continue;
		struct slice domain = domain_to_ascii(list[i].domain, arena);
		*unreadable |= domain.len == 0;
		room = domain.len == 0 || add_author(domain, authors, count);
	}
	return room && found < ADDRESSES_MAX;
}

size_t dmarc_authors(struct slice header, struct arena *arena, struct slice authors[DMARC_AUTHORS_MAX], bool *unreadable)
{
	struct header_field field;
	size_t count = 0;
	bool room = true;
	*unreadable = false;
	while (room && header_next(&header, &field))
		if (slice_equal_nocase(field.name, SLICE("From")))
			room = add_authors(field.body, arena, authors, &count, unreadable);
	return room ? count : DMARC_AUTHORS_MAX + 1;
}

/* How much a result says against a message. */
static int weight(const struct dmarc_verdict *verdict)
{
	static const int weights[] = {[DMARC_PASS] = 0, [DMARC_NONE] = 1, [DMARC_PERMERROR] = 2, [DMARC_TEMPERROR] = 3, [DMARC_FAIL] = 4};
	return weights[verdict->result] * 4 + (int)verdict->disposition;
}

enum dmarc_result dmarc_check_message(struct slice header, const struct dmarc_identifier *identifiers, size_t count, struct lookup *table,
				      struct arena *arena, struct dmarc_verdict *verdict)
{
	struct slice authors[DMARC_AUTHORS_MAX];
	struct dmarc_verdict one;
	bool unreadable, pending = false;
	size_t author_count = dmarc_authors(header, arena, authors, &unreadable);
	*verdict = (struct dmarc_verdict){0};
	for (size_t i = 0; i < author_count && i < DMARC_AUTHORS_MAX; i++) {
		pending |= dmarc_check(authors[i], identifiers, count, table, arena, &one) == DMARC_PENDING;
		if (!pending && (i == 0 || weight(&one) > weight(verdict)))
			*verdict = one;
	}
	if (pending)
		return conclude(verdict, DMARC_PENDING, SLICE(""));
	if (author_count > DMARC_AUTHORS_MAX && verdict->result != DMARC_FAIL)
		return conclude(verdict, DMARC_PERMERROR, SLICE("the message has too many authors"));
	if (author_count == 0 || (unreadable && verdict->result == DMARC_PASS))
		return conclude(verdict, DMARC_PERMERROR, SLICE("From doesn't name an author with a domain"));
	return verdict->result;
}
