/* The tokenizer that the tables name: tokens come ready, each ended by '\n'. A stem (QUERY_STEM_MARK) stands at the place of the word before it. */
#include <sqlite3.h>

#include "store/search/internal.h"

static int create(void *context, const char **arguments, int count, Fts5Tokenizer **out)
{
	static char none;
	(void)context, (void)arguments, (void)count;
	*out = (Fts5Tokenizer *)&none; /* it keeps nothing, but NULL would be failure */
	return SQLITE_OK;
}

static void delete(Fts5Tokenizer *tokenizer) { (void)tokenizer; }

static int tokenize(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int size,
		    int (*take)(void *context, int flags, const char *token, int length, int from, int to))
{
	struct slice rest = slice_make(text, size > 0 ? (size_t)size : 0), token;
	(void)tokenizer;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &token, &rest);
		if (token.len == 0)
			continue;
		bool beside = token.at[0] == QUERY_STEM_MARK && !(flags & FTS5_TOKENIZE_QUERY);
		int from = (int)(token.at - text);
		int result = take(context, beside ? FTS5_TOKEN_COLOCATED : 0, token.at, (int)token.len, from, from + (int)token.len);
		if (result != SQLITE_OK)
			return result;
	}
	return SQLITE_OK;
}

/* As SQLite's documentation of FTS5 says how to get at it. */
static fts5_api *api_of(sqlite3 *handle)
{
	fts5_api *api = NULL;
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, NULL) != SQLITE_OK)
		return NULL;
	sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", NULL);
	sqlite3_step(statement);
	sqlite3_finalize(statement);
	return api;
}

bool search_register_tokens(struct db *db, struct error *error)
{
	fts5_tokenizer tokenizer = {create, delete, tokenize};
	fts5_api *api = api_of(db_driver(db));
	if (api && api->xCreateTokenizer(api, "ready", NULL, &tokenizer, NULL) == SQLITE_OK)
		return true;
	return error_set(error, ERROR_TEMPORARY, "this SQLite has no FTS5: mail isn't indexed");
}
