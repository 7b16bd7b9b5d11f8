/* Of libstemmer, which makes stems of words: the roles that search mail. */
#include <libstemmer.h>

#include "lazy/library.h"

static struct library stemmer = {"libstemmer.so.0d", NULL};

LIBRARY_FUNCTION(stemmer, struct sb_stemmer *, sb_stemmer_new, (const char *algorithm, const char *charset), (algorithm, charset))
LIBRARY_PROCEDURE(stemmer, sb_stemmer_delete, (struct sb_stemmer * which), (which))
LIBRARY_FUNCTION(stemmer, const sb_symbol *, sb_stemmer_stem, (struct sb_stemmer * which, const sb_symbol *word, int size), (which, word, size))
LIBRARY_FUNCTION(stemmer, int, sb_stemmer_length, (struct sb_stemmer * which), (which))
