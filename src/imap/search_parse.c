/* The keys of SEARCH (RFC 3501 §6.4.4). */
#include "imap/search.h"

struct context {
	struct imap_parser *parser;
	const struct imap_selected *selected;
	struct query *query;
	int depth;
};

static bool parse_key(struct context *context, struct query_node **out);

enum argument {
	ARGUMENT_NONE, ARGUMENT_TEXT, ARGUMENT_FIELD_TEXT, ARGUMENT_DATE, ARGUMENT_NUMBER, ARGUMENT_KEYWORD, ARGUMENT_UIDS, ARGUMENT_KEY,
	ARGUMENT_TWO_KEYS,
};

static const struct row {
	const char *name;
	enum query_key key;
	enum argument argument;
	unsigned flag_mask, flags; /* QUERY_FLAGS */
} rows[] = {
	{"ALL", QUERY_ALL, ARGUMENT_NONE, 0, 0},
	{"ANSWERED", QUERY_FLAGS, ARGUMENT_NONE, FLAG_ANSWERED, FLAG_ANSWERED},
	{"BCC", QUERY_BCC, ARGUMENT_TEXT, 0, 0},
	{"BEFORE", QUERY_BEFORE, ARGUMENT_DATE, 0, 0},
	{"BODY", QUERY_BODY, ARGUMENT_TEXT, 0, 0},
	{"CC", QUERY_CC, ARGUMENT_TEXT, 0, 0},
	{"DELETED", QUERY_FLAGS, ARGUMENT_NONE, FLAG_DELETED, FLAG_DELETED},
	{"DRAFT", QUERY_FLAGS, ARGUMENT_NONE, FLAG_DRAFT, FLAG_DRAFT},
	{"FLAGGED", QUERY_FLAGS, ARGUMENT_NONE, FLAG_FLAGGED, FLAG_FLAGGED},
	{"FROM", QUERY_FROM, ARGUMENT_TEXT, 0, 0},
	{"HEADER", QUERY_HEADER, ARGUMENT_FIELD_TEXT, 0, 0},
	{"KEYWORD", QUERY_KEYWORD, ARGUMENT_KEYWORD, 0, 0},
	{"LARGER", QUERY_LARGER, ARGUMENT_NUMBER, 0, 0},
	{"NEW", QUERY_FLAGS, ARGUMENT_NONE, FLAG_RECENT | FLAG_SEEN, FLAG_RECENT},
	{"NOT", QUERY_NOT, ARGUMENT_KEY, 0, 0},
	{"OLD", QUERY_FLAGS, ARGUMENT_NONE, FLAG_RECENT, 0},
	{"ON", QUERY_ON, ARGUMENT_DATE, 0, 0},
	{"OR", QUERY_OR, ARGUMENT_TWO_KEYS, 0, 0},
	{"RECENT", QUERY_FLAGS, ARGUMENT_NONE, FLAG_RECENT, FLAG_RECENT},
	{"SEEN", QUERY_FLAGS, ARGUMENT_NONE, FLAG_SEEN, FLAG_SEEN},
	{"SENTBEFORE", QUERY_SENT_BEFORE, ARGUMENT_DATE, 0, 0},
	{"SENTON", QUERY_SENT_ON, ARGUMENT_DATE, 0, 0},
	{"SENTSINCE", QUERY_SENT_SINCE, ARGUMENT_DATE, 0, 0},
	{"SINCE", QUERY_SINCE, ARGUMENT_DATE, 0, 0},
	{"SMALLER", QUERY_SMALLER, ARGUMENT_NUMBER, 0, 0},
	{"SUBJECT", QUERY_SUBJECT, ARGUMENT_TEXT, 0, 0},
	{"TEXT", QUERY_TEXT, ARGUMENT_TEXT, 0, 0},
	{"TO", QUERY_TO, ARGUMENT_TEXT, 0, 0},
	{"UID", QUERY_UIDS, ARGUMENT_UIDS, 0, 0},
	{"UNANSWERED", QUERY_FLAGS, ARGUMENT_NONE, FLAG_ANSWERED, 0},
	{"UNDELETED", QUERY_FLAGS, ARGUMENT_NONE, FLAG_DELETED, 0},
	{"UNDRAFT", QUERY_FLAGS, ARGUMENT_NONE, FLAG_DRAFT, 0},
	{"UNFLAGGED", QUERY_FLAGS, ARGUMENT_NONE, FLAG_FLAGGED, 0},
	{"UNKEYWORD", QUERY_NO_KEYWORD, ARGUMENT_KEYWORD, 0, 0},
	{"UNSEEN", QUERY_FLAGS, ARGUMENT_NONE, FLAG_SEEN, 0},
};

/* Text is compared as UTF-8: US-ASCII is a part of it, and other charsets are refused. */
static bool parse_text(struct context *context, struct slice *text)
{
	struct imap_parser *parser = context->parser;
	struct slice raw;
	if (!imap_parse_space(parser) || !imap_parse_astring(parser, &raw))
		return false;
	if (!slice_is_utf8(raw))
		return imap_parse_fail(parser, "The text to search for is not valid UTF-8");
	*text = query_text(context->query, raw);
	return true;
}

static bool parse_child(struct context *context, struct query_node *parent)
{
	struct query_node *child;
	return parse_key(context, &child) &&
	       (query_put(context->query, parent, child) || imap_parse_fail(context->parser, "Too many texts to search for in one command"));
}

static bool parse_uids(struct context *context, struct query_node *node)
{
	const struct imap_selected *selected = context->selected;
	if (!imap_parse_space(context->parser) || !imap_parse_set(context->parser, &node->set))
		return false;
	if (selected->uids.count == 0)
		node->set.count = 0;
	else
		imap_set_normalise(&node->set, imap_uids_last(&selected->uids));
	return true;
}

static bool parse_argument(struct context *context, enum argument argument, struct query_node *node)
{
	struct imap_parser *parser = context->parser;
	switch (argument) {
	case ARGUMENT_NONE:
		return true;
	case ARGUMENT_TEXT:
		return parse_text(context, &node->text);
	case ARGUMENT_FIELD_TEXT:
		return imap_parse_space(parser) && imap_parse_astring(parser, &node->field) && parse_text(context, &node->text);
	case ARGUMENT_DATE:
		return imap_parse_space(parser) && imap_parse_date(parser, &node->day);
	case ARGUMENT_NUMBER:
		return imap_parse_space(parser) && imap_parse_number(parser, INT64_MAX, &node->number);
	case ARGUMENT_KEYWORD:
		return imap_parse_space(parser) && imap_parse_atom(parser, &node->field);
	case ARGUMENT_UIDS:
		return parse_uids(context, node);
	case ARGUMENT_KEY:
		return imap_parse_space(parser) && parse_child(context, node);
	case ARGUMENT_TWO_KEYS:
		return imap_parse_space(parser) && parse_child(context, node) && imap_parse_space(parser) && parse_child(context, node);
	}
	return false;
}

static bool parse_named(struct context *context, struct query_node *node)
{
	struct slice name;
	if (context->parser->rest.len == 0 || !imap_is_atom_char(context->parser->rest.at[0]))
		return imap_parse_fail(context->parser, "A search key is expected");
	imap_parse_atom(context->parser, &name);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!slice_equal_nocase(name, slice_of(rows[i].name)))
			continue;
		node->key = rows[i].key;
		node->flag_mask = rows[i].flag_mask;
		node->flags = rows[i].flags;
		return parse_argument(context, rows[i].argument, node);
	}
	return imap_parse_fail(context->parser, "Unknown search key");
}

static bool parse_numbers(struct context *context, struct query_node *node)
{
	struct imap_parser *parser = context->parser;
	struct ranges set;
	node->key = QUERY_NUMBERS;
	return imap_parse_set(parser, &set) && (imap_set_to_indexes(&set, context->selected->uids.count, parser->arena, &node->set) ||
					   imap_parse_fail(parser, "There is no message with such a number"));
}

/* Keys separated by spaces: all must match. */
static bool parse_keys(struct context *context, struct query_node *node)
{
	node->key = QUERY_AND;
	do {
		if (!parse_child(context, node))
			return false;
	} while (imap_parse_more(context->parser));
	return true;
}

static bool parse_key(struct context *context, struct query_node **out)
{
	struct imap_parser *parser = context->parser;
	struct query_node *node = *out = query_node(context->query, QUERY_ALL);
	if (!node)
		return imap_parse_fail(parser, "Too many search keys");
	if (++context->depth > QUERY_DEPTH_MAX)
		return imap_parse_fail(parser, "Search keys are nested too deeply");
	bool done;
	if (parser->rest.len > 0 && parser->rest.at[0] == '(')
		done = imap_parse_open(parser) && parse_keys(context, node) && imap_parse_close(parser);
	else if (parser->rest.len > 0 && (ascii_is_digit(parser->rest.at[0]) || parser->rest.at[0] == '*'))
		done = parse_numbers(context, node);
	else
		done = parse_named(context, node);
	context->depth--;
	return done;
}

/* RFC 3501 §6.4.4: US-ASCII must, UTF-8 may be known. */
static bool parse_charset(struct imap_parser *parser, bool *bad_charset)
{
	struct slice name;
	*bad_charset = false;
	if (!imap_parse_optional_word(parser, "CHARSET"))
		return true;
	if (!imap_parse_space(parser) || !imap_parse_astring(parser, &name) || !imap_parse_space(parser))
		return false;
	*bad_charset = !slice_equal_nocase(name, SLICE("UTF-8")) && !slice_equal_nocase(name, SLICE("US-ASCII"));
	return !*bad_charset;
}

bool imap_search_parse(struct imap_parser *parser, const struct imap_selected *selected, struct query *query, bool *bad_charset)
{
	struct context context = {.parser = parser, .selected = selected, .query = query};
	query_begin(query, parser->arena);
	*bad_charset = false;
	return imap_parse_space(parser) && parse_charset(parser, bad_charset) && parse_keys(&context, query->root) && imap_parse_end(parser);
}

struct ranges imap_search_range(const struct query *query, const struct imap_selected *selected, struct arena *arena)
{
	struct ranges indexes = {.at = arena_array(arena, 1, sizeof *indexes.at)};
	for (const struct query_node *node = query->root->children; node; node = node->next) {
		if (node->key == QUERY_NUMBERS)
			return node->set;
		if (node->key != QUERY_UIDS)
			continue;
		struct ranges uids = node->set;
		imap_set_uids_to_indexes(&uids, &selected->uids, arena, &indexes);
		return indexes;
	}
	if (selected->uids.count > 0)
		indexes.at[indexes.count++] = (struct range){0, (uint32_t)selected->uids.count - 1};
	return indexes;
}
