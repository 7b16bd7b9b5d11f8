/* What the files of this folder share. */
#ifndef STORE_SEARCH_INTERNAL_H
#define STORE_SEARCH_INTERNAL_H

#include "store/db/db.h"
#include "store/search/search.h"

struct search { struct db *db; };

/** Makes the tokenizer known to a connection that the statements of this folder name: it takes tokens apart that were put together with '\n'. */
bool search_register_tokens(struct db *db, struct error *error);
/** The columns of `word`, in the order of enum query_column. */
extern const char *const search_columns[QUERY_COLUMNS];

static inline struct db_statement *search_prepare(struct search *search, const char *sql, int64_t number)
{
	struct db_statement *statement = db_prepare(search->db, sql);
	db_bind_number(statement, 1, number);
	return statement;
}

#endif
