/* Filters of ContactCard/query (RFC 9610 §3.3.1): read once, then asked of each card. */
#include "jmap/contact.h"
#include "message/mime.h"

enum { TOKENS_MAX = 32 /* of one text */, TEXTS_MAX = 30 /* conditions on texts of one filter: each card is looked through for each */ };

enum kind { IN_BOOK, IS_UID, HAS_MEMBER, IS_KIND, BEFORE, SINCE, TEXT, ANYWHERE };

/* The conditions, and where what they speak of is. */
static const struct condition {
	const char *name;
	enum kind kind;
	const char *property;  /* of the card */
	const char *fields;    /* of it, or of each object in it, separated by spaces; NULL: none */
	const char *component; /* of its components: of that kind, or "" for any */
} conditions[] = {
	{"inAddressBook", IN_BOOK}, {"uid", IS_UID}, {"hasMember", HAS_MEMBER}, {"kind", IS_KIND},
	{"createdBefore", BEFORE, "created"}, {"createdAfter", SINCE, "created"}, {"updatedBefore", BEFORE, "updated"}, {"updatedAfter", SINCE, "updated"},
	{"text", ANYWHERE}, {"name", TEXT, "name", "full", ""}, {"name/given", TEXT, "name", NULL, "given"}, {"name/surname", TEXT, "name", NULL, "surname"},
	{"name/surname2", TEXT, "name", NULL, "surname2"}, {"nickname", TEXT, "nicknames", "name"}, {"organization", TEXT, "organizations", "name"},
	{"email", TEXT, "emails", "address label"}, {"phone", TEXT, "phones", "number label"}, {"onlineService", TEXT, "onlineServices", "service uri user label"},
	{"address", TEXT, "addresses", "full", ""}, {"note", TEXT, "notes", "note"},
};

static const struct condition *find_condition(const char *name)
{
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
		if (strcmp(conditions[i].name, name) == 0)
			return &conditions[i];
	return NULL;
}

struct test {
	const struct condition *condition;
	struct slice text;     /* as it was given */
	int64_t number;        /* of an address book; or seconds */
	struct slice tokens[TOKENS_MAX]; /* folded */
	size_t token_count;
};

enum operator { ALL, ANY, NONE };
struct jmap_card_filter {
	enum operator operator;
	struct test *tests;    /* of a condition */
	size_t test_count;
	struct jmap_card_filter **children;
	size_t child_count;
};

/* ---- Reading ---- */

static bool check_condition(struct jmap_call *call, json_t *filter, void *context)
{
	const char *name;
	json_t *value;
	int64_t seconds;
	size_t *texts = context;
	json_object_foreach(filter, name, value) {
		const struct condition *condition = find_condition(name);
		if (!condition)
			return jmap_fail(call, "unsupportedFilter", "there is no condition of the name %.100s", name);
		bool date = condition->kind == BEFORE || condition->kind == SINCE;
		if (!json_is_string(value) || (date && !jmap_date_read(jmap_slice_of(value), &seconds)))
			return jmap_fail(call, "invalidArguments", "%.100s isn't what it is to be", name);
		if ((condition->kind == TEXT || condition->kind == ANYWHERE) && ++*texts > TEXTS_MAX)
			return jmap_fail(call, "unsupportedFilter", "at most %d conditions on texts", TEXTS_MAX);
	}
	return true;
}

bool jmap_card_filter_check(struct jmap_call *call, json_t *filter)
{
	size_t texts = 0;
	return jmap_filter_check(call, filter, check_condition, &texts);
}

/* The phrase that the text begins with, in quotes that have their other end (RFC 9610 §3.3.1). */
static bool take_phrase(struct slice *text, struct arena *arena, struct slice *token)
{
	char quote = text->at[0], *out = arena_alloc(arena, text->len + 1);
	size_t len = 0;
	if (quote != '"' && quote != '\'')
		return false;
	for (size_t i = 1; i < text->len; i++) {
		if (text->at[i] == quote) {
			*token = slice_make(out, len);
			*text = slice_skip(*text, i + 1);
			return true;
		}
		if (text->at[i] == '\\' && i + 1 < text->len && strchr("\"'\\", text->at[i + 1]))
			i++;
		out[len++] = text->at[i];
	}
	return false;
}

static void take_word(struct slice *text, struct slice *token)
{
	size_t len = 0;
	while (len < text->len && !ascii_is_space(text->at[len]))
		len++;
	*token = slice_sub(*text, 0, len);
	*text = slice_skip(*text, len);
}

static void read_tokens(struct test *test, struct arena *arena)
{
	struct slice text = slice_trim(test->text), token;
	while (text.len > 0 && test->token_count < TOKENS_MAX) {
		if (!take_phrase(&text, arena, &token))
			take_word(&text, &token);
		if (token.len > 0)
			test->tokens[test->token_count++] = text_fold(token, arena);
		text = slice_trim(text);
	}
}

static void read_test(struct jmap_call *call, const char *name, const json_t *value, struct test *test)
{
	*test = (struct test){.condition = find_condition(name), .text = jmap_slice_of(value)};
	switch (test->condition->kind) {
	case IN_BOOK:
		test->number = jmap_id_parse(JMAP_ID_BOOK, jmap_resolve_id(call, test->text));
		break;
	case BEFORE:
	case SINCE:
		jmap_date_read(test->text, &test->number);
		break;
	case TEXT:
	case ANYWHERE:
		read_tokens(test, call->arena);
		break;
	default:
		break;
	}
}

struct jmap_card_filter *jmap_card_filter_read(struct jmap_call *call, json_t *filter)
{
	json_t *operator = json_object_get(filter, "operator"), *children = json_object_get(filter, "conditions"), *value;
	const char *name;
	size_t i;
	if (!filter)
		return NULL;
	struct jmap_card_filter *read = arena_alloc(call->arena, sizeof *read);
	if (!operator) {
		read->tests = arena_array(call->arena, json_object_size(filter) + 1, sizeof *read->tests);
		json_object_foreach(filter, name, value)
			read_test(call, name, value, &read->tests[read->test_count++]);
		return read;
	}
	read->operator = slice_equal(jmap_slice_of(operator), SLICE("AND")) ? ALL : slice_equal(jmap_slice_of(operator), SLICE("OR")) ? ANY : NONE;
	read->children = arena_array(call->arena, json_array_size(children) + 1, sizeof *read->children);
	json_array_foreach(children, i, value)
		read->children[read->child_count++] = jmap_card_filter_read(call, value);
	return read;
}

bool jmap_card_filter_reads(const struct jmap_card_filter *filter)
{
	bool reads = false;
	for (size_t i = 0; filter && i < filter->test_count; i++)
		reads |= filter->tests[i].condition->kind != IN_BOOK;
	for (size_t i = 0; filter && i < filter->child_count; i++)
		reads |= jmap_card_filter_reads(filter->children[i]);
	return reads;
}

/* ---- The texts of a card ---- */

static void add_text(struct buf *out, struct slice text)
{
	if (text.len > 0) {
		buf_append(out, text);
		buf_append_char(out, '\n');
	}
}

static void add_fields(struct buf *out, const json_t *object, const struct condition *condition)
{
	struct slice field, rest = slice_of(condition->fields);
	json_t *component;
	size_t i;
	while (rest.len > 0) {
		slice_cut(rest, ' ', &field, &rest);
		add_text(out, jmap_slice_of(json_object_getn(object, field.at, field.len)));
	}
	if (!condition->component)
		return;
	json_array_foreach(json_object_get(object, "components"), i, component)
		if (!condition->component[0] || slice_equal(jmap_slice_of(json_object_get(component, "kind")), slice_of(condition->component)))
			add_text(out, jmap_slice_of(json_object_get(component, "value")));
}

/* All that people read: not types and kinds, not what is there for programs. */
static void add_anything(struct buf *out, const json_t *value)
{
	static const char skipped[] = "@type version uid kind created updated prodId media cryptoKeys contexts features vCardParams vCardName language members relatedTo";
	const char *key;
	json_t *one;
	size_t i;
	if (json_is_string(value))
		add_text(out, jmap_slice_of(value));
	json_array_foreach(value, i, one)
		add_anything(out, one);
	json_object_foreach((json_t *)value, key, one) {
		if (json_is_true(one) && strcmp(key, "isOrdered") != 0)
			add_text(out, slice_of(key)); /* a keyword */
		else if (!slice_has_word_nocase(slice_of(skipped), slice_of(key)))
			add_anything(out, one);
	}
}

static void add_texts(struct buf *out, const json_t *card, const struct condition *condition)
{
	json_t *property = json_object_get(card, condition->property), *one;
	const char *key;
	if (condition->kind == ANYWHERE)
		add_anything(out, card);
	else if (strcmp(condition->property, "name") == 0)
		add_fields(out, property, condition);
	else
		json_object_foreach(property, key, one)
			add_fields(out, one, condition);
}

/* All tokens are somewhere in them. */
static bool text_matches(const struct test *test, const json_t *card, struct arena *scratch)
{
	struct buf texts = BUF(CONTACT_CARD_MAX);
	add_texts(&texts, card, test->condition);
	struct slice folded = text_fold(buf_slice(&texts), scratch);
	bool matches = true;
	for (size_t i = 0; matches && i < test->token_count; i++)
		matches = slice_find(folded, test->tokens[i]) != SLICE_NONE;
	buf_free(&texts);
	return matches;
}

/* ---- Matching ---- */

static bool is_in_book(const struct contact *contact, int64_t book)
{
	for (size_t i = 0; i < contact->book_count; i++)
		if (contact->books[i] == book)
			return true;
	return false;
}

static bool time_matches(const struct test *test, const json_t *card)
{
	int64_t seconds;
	if (!jmap_date_read(jmap_slice_of(json_object_get(card, test->condition->property)), &seconds))
		return false;
	return test->condition->kind == BEFORE ? seconds < test->number : seconds >= test->number;
}

static bool test_matches(const struct test *test, const struct contact *contact, const json_t *card, struct arena *scratch)
{
	json_t *value;
	switch (test->condition->kind) {
	case IN_BOOK:
		return is_in_book(contact, test->number);
	case IS_UID:
		return slice_equal(jmap_slice_of(json_object_get(card, "uid")), test->text);
	case HAS_MEMBER:
		return json_object_getn(json_object_get(card, "members"), test->text.at, test->text.len) != NULL;
	case IS_KIND: /* RFC 9553 §2.1.4: without one it is an individual */
		value = json_object_get(card, "kind");
		return slice_equal(value ? jmap_slice_of(value) : SLICE("individual"), test->text);
	case BEFORE:
	case SINCE:
		return time_matches(test, card);
	default:
		return text_matches(test, card, scratch);
	}
}

bool jmap_card_filter_matches(const struct jmap_card_filter *filter, const struct contact *contact, const json_t *card, struct arena *scratch)
{
	if (!filter)
		return true;
	if (!filter->children) {
		for (size_t i = 0; i < filter->test_count; i++)
			if (!test_matches(&filter->tests[i], contact, card, scratch))
				return false;
		return true;
	}
	for (size_t i = 0; i < filter->child_count; i++) {
		bool matches = jmap_card_filter_matches(filter->children[i], contact, card, scratch);
		if (matches != (filter->operator == ALL))
			return filter->operator == ANY;
	}
	return filter->operator != ANY;
}
