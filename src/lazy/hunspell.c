/* Of libhunspell, which knows how words are spelt: the speller role, when somebody first asks. */
#include <hunspell/hunspell.h>

#include "lazy/library.h"

static struct library hunspell = {"libhunspell-1.7.so.0", NULL};

LIBRARY_FUNCTION(hunspell, Hunhandle *, Hunspell_create, (const char *rules, const char *words), (rules, words))
LIBRARY_PROCEDURE(hunspell, Hunspell_destroy, (Hunhandle * handle), (handle))
LIBRARY_FUNCTION(hunspell, int, Hunspell_spell, (Hunhandle * handle, const char *word), (handle, word))
LIBRARY_FUNCTION(hunspell, char *, Hunspell_get_dic_encoding, (Hunhandle * handle), (handle))
LIBRARY_FUNCTION(hunspell, int, Hunspell_suggest, (Hunhandle * handle, char ***list, const char *word), (handle, list, word))
LIBRARY_PROCEDURE(hunspell, Hunspell_free_list, (Hunhandle * handle, char ***list, int count), (handle, list, count))
