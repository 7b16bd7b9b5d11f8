/* Of libpq, PostgreSQL's client: those roles whose storage is there (store/db/postgresql.c). */
#include <libpq-fe.h>

#include "lazy/library.h"

static struct library pq = {"libpq.so.5", NULL};

LIBRARY_FUNCTION(pq, PGconn *, PQconnectdb, (const char *conninfo), (conninfo))
LIBRARY_PROCEDURE(pq, PQfinish, (PGconn *connection), (connection))
LIBRARY_PROCEDURE(pq, PQreset, (PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, ConnStatusType, PQstatus, (const PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, PGTransactionStatusType, PQtransactionStatus, (const PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, char *, PQerrorMessage, (const PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, PQnoticeReceiver, PQsetNoticeReceiver, (PGconn *connection, PQnoticeReceiver receiver, void *context), (connection, receiver, context))
LIBRARY_FUNCTION(pq, PGresult *, PQexec, (PGconn *connection, const char *query), (connection, query))
LIBRARY_FUNCTION(pq, PGresult *, PQprepare, (PGconn *connection, const char *name, const char *query, int count, const Oid *types), (connection, name, query, count, types))
LIBRARY_FUNCTION(pq, PGresult *, PQexecPrepared, (PGconn *connection, const char *name, int count, const char *const *values, const int *lengths, const int *formats, int format),
		 (connection, name, count, values, lengths, formats, format))
LIBRARY_FUNCTION(pq, PGresult *, PQexecParams, (PGconn *connection, const char *command, int count, const Oid *types, const char *const *values, const int *lengths, const int *formats, int format),
		 (connection, command, count, types, values, lengths, formats, format))
LIBRARY_FUNCTION(pq, PGresult *, PQdescribePrepared, (PGconn *connection, const char *name), (connection, name))
LIBRARY_FUNCTION(pq, ExecStatusType, PQresultStatus, (const PGresult *result), (result))
LIBRARY_FUNCTION(pq, char *, PQresultErrorField, (const PGresult *result, int field), (result, field))
LIBRARY_FUNCTION(pq, int, PQntuples, (const PGresult *result), (result))
LIBRARY_FUNCTION(pq, int, PQnfields, (const PGresult *result), (result))
LIBRARY_FUNCTION(pq, int, PQnparams, (const PGresult *result), (result))
LIBRARY_FUNCTION(pq, Oid, PQparamtype, (const PGresult *result, int number), (result, number))
LIBRARY_FUNCTION(pq, Oid, PQftype, (const PGresult *result, int column), (result, column))
LIBRARY_FUNCTION(pq, char *, PQgetvalue, (const PGresult *result, int row, int column), (result, row, column))
LIBRARY_FUNCTION(pq, int, PQgetlength, (const PGresult *result, int row, int column), (result, row, column))
LIBRARY_FUNCTION(pq, int, PQgetisnull, (const PGresult *result, int row, int column), (result, row, column))
LIBRARY_FUNCTION(pq, char *, PQcmdStatus, (PGresult *result), (result))
LIBRARY_FUNCTION(pq, char *, PQcmdTuples, (PGresult *result), (result))
LIBRARY_PROCEDURE(pq, PQclear, (PGresult *result), (result))
LIBRARY_PROCEDURE(pq, PQfreemem, (void *memory), (memory))
LIBRARY_FUNCTION(pq, PQconninfoOption *, PQconninfoParse, (const char *conninfo, char **message), (conninfo, message))
LIBRARY_PROCEDURE(pq, PQconninfoFree, (PQconninfoOption *options), (options))
LIBRARY_FUNCTION(pq, const char *, PQparameterStatus, (const PGconn *connection, const char *name), (connection, name))
LIBRARY_FUNCTION(pq, char *, PQuser, (const PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, char *, PQescapeLiteral, (PGconn *connection, const char *text, size_t len), (connection, text, len))
LIBRARY_FUNCTION(pq, int, PQsocket, (const PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, int, PQconsumeInput, (PGconn *connection), (connection))
LIBRARY_FUNCTION(pq, PGnotify *, PQnotifies, (PGconn *connection), (connection))
