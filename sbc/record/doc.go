// Package record keeps what outlives a call: call records and
// timelines, in SQLite.
//
// [Store] is the one type. A record that is handed in is appended to a spool
// file at once, which survives the death of the process, and goes from there to
// the database in batches, so that neither a call nor the one who hands the
// record in waits for the database. While the database is locked, slow or its
// disk is full, records wait in the spool, [Store.Stats] raises an alarm, and
// they are written when it answers again. What finds no room in the spool is
// refused, so that the one who holds it can keep it, count it and say so.
//
// Timelines, which are kept for a shorter time, wait in memory alone: the death of
// the process loses those that have not reached the database.
//
// The spool also knows the calls that are up. Those it still knew as up when
// the process began were cut off by its predecessor's death: they get a record
// that says so.
//
// One goroutine, in run.go, started by [Store.Run]; the database driver has its
// own.
package record
