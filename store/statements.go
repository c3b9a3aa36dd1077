package store

import (
	"context"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
)

// maxStatements bounds the statements kept compiled, and maxStatementText the
// ones worth keeping: schema files are neither.
const (
	maxStatements    = 200
	maxStatementText = 2000
)

// remembering makes connections that keep the statements they execute compiled:
// compiling is half of the work of a small write.
type remembering struct{ driver.Connector }

func newRemembering(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return remembering{c}, err
}

// sqliteConn is what database/sql uses of the driver's connections.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

func (r remembering) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(sqliteConn)
	if !ok {
		return c, nil // another version of the driver: slower, as right
	}
	return &rememberingConn{sqliteConn: conn, kept: map[string]driver.StmtExecContext{}}, nil
}

// rememberingConn is used by one goroutine at a time, as database/sql promises.
type rememberingConn struct {
	sqliteConn
	kept map[string]driver.StmtExecContext
}

// ExecContext runs a statement, compiled before if it was seen before. Unlike a
// query, it is done with the statement when it returns.
func (c *rememberingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(query) > maxStatementText {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	st := c.kept[query]
	if st == nil {
		if len(c.kept) == maxStatements {
			if err := c.forget(); err != nil {
				return nil, err
			}
		}
		fresh, err := c.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		var ok bool
		if st, ok = fresh.(driver.StmtExecContext); !ok {
			return nil, errors.Join(errors.New("the SQLite driver's statements take no context"), fresh.Close())
		}
		c.kept[query] = st
	}
	return st.ExecContext(ctx, args)
}

// forget drops all kept statements; those still in use come back by themselves.
func (c *rememberingConn) forget() error {
	var err error
	for query, st := range c.kept {
		delete(c.kept, query)
		if s, ok := st.(driver.Stmt); ok {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// Close ends the connection and what it keeps.
func (c *rememberingConn) Close() error { return errors.Join(c.forget(), c.sqliteConn.Close()) }
