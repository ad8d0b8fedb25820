#ifndef DENWA_CSQLITE_H
#define DENWA_CSQLITE_H

// Only what Swift cannot say: a variadic function.

// Without figures on its memory, which nobody reads, SQLite allocates without a lock. 0 is success; it works only
// before the first connection is opened.
int denwa_sqlite_without_memory_figures(void);

#endif
