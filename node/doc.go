// Package node is one running node.
package node
