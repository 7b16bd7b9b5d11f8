/* What the files of this folder share. Nobody else includes it. */
#ifndef QUERY_INTERNAL_H
#define QUERY_INTERNAL_H

#include "query/narrow.h"

/** Looks through the header for the keys HEADER and TEXT, and marks those that are found. */
void query_scan_header(struct query_message *message);
/** Looks through the parts for BODY and TEXT. */
void query_scan_parts(struct query_message *message);

#endif
