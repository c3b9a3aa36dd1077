// Package teapot makes a triangle mesh of the Utah teapot from its published
// Bezier patches.
//
// Martin Newell measured and modelled the teapot at the University of Utah in
// 1975 as bicubic Bezier patches; the numbers in patches.go are those of the
// IEEE Computer Graphics and Applications database (Crow, "The Origins of the
// Teapot", vol. 7 no. 1, 1987, has the story): 28 patches of his, four for the
// bottom that he left out, 306 control points. The height is the one that Jim
// Blinn squashed it to. The mesh stands upright on y = 0 (the data has z
// upwards), equal points become one vertex, and where a patch shrinks to a point
// the normal is that of the axis.
//
// As published, it is not a closed solid: the lid rests inside the rim without
// touching it, handle and spout stick through the body.
package teapot
