// Command samepixels tells whether two folders hold the same PNG pictures under
// the same names, pixel for pixel. What else is in the files, such as the time of
// rendering, may differ.
//
//	go run ./examples/samepixels frames local
package main

import (
	"errors"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: samepixels DIR DIR")
		os.Exit(2)
	}
	n, err := compare(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Printf("%d pictures, every pixel the same\n", n)
}

// compare counts the pictures of both folders. What differs first is the error.
func compare(left, right string) (int, error) {
	names, err := pictures(left)
	if err != nil {
		return 0, err
	}
	others, err := pictures(right)
	if err != nil {
		return 0, err
	}
	if len(names) == 0 {
		return 0, fmt.Errorf("%s has no pictures", left)
	}
	for _, name := range others {
		if !slices.Contains(names, name) {
			return 0, fmt.Errorf("%s is only in %s", name, right)
		}
	}
	for _, name := range names {
		if err := same(filepath.Join(left, name), filepath.Join(right, name)); err != nil {
			return 0, err
		}
	}
	return len(names), nil
}

func pictures(dir string) (names []string, err error) {
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if filepath.Ext(e.Name()) == ".png" {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func same(left, right string) error {
	a, err := decode(left)
	b, berr := decode(right)
	if err := errors.Join(err, berr); err != nil {
		return err
	}
	if a.Bounds() != b.Bounds() || a.ColorModel() != b.ColorModel() {
		return fmt.Errorf("%s and %s differ in size or depth", left, right)
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			if a.At(x, y) != b.At(x, y) {
				return fmt.Errorf("%s and %s differ at %d,%d: %v and %v", left, right, x, y, a.At(x, y), b.At(x, y))
			}
		}
	}
	return nil
}

func decode(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return picture, nil
}
