/* Of libmaxminddb, which knows countries: the policy role, if a file of them is configured. */
#include <maxminddb.h>

#include "lazy/library.h"

static struct library maxminddb = {"libmaxminddb.so.0", NULL};

LIBRARY_FUNCTION(maxminddb, int, MMDB_open, (const char *const path, uint32_t flags, MMDB_s *const file), (path, flags, file))
LIBRARY_FUNCTION(maxminddb, const char *, MMDB_strerror, (int error), (error))
LIBRARY_FUNCTION(maxminddb, MMDB_lookup_result_s, MMDB_lookup_sockaddr, (const MMDB_s *const file, const struct sockaddr *const address, int *const error),
		 (file, address, error))
LIBRARY_FUNCTION(maxminddb, int, MMDB_aget_value, (MMDB_entry_s *const start, MMDB_entry_data_s *const data, const char *const *const path), (start, data, path))
