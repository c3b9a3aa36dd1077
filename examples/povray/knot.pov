// A torus knot of beads turns once round a ball of glass: clock runs from 0 to 1
// and the last frame meets the first.
#version 3.7;
#include "colors.inc"
#include "textures.inc"

global_settings { assumed_gamma 1.0 max_trace_level 8 }

#declare Beads = 96;
#declare Turn = 360 * clock;

camera {
  location <0, 2.6, -7.2>
  right x * image_width / image_height
  look_at <0, 0.75, 0>
  angle 42
}

// The lamp is a square of lights, so shadows have soft edges. No jitter: it would
// make each rendering of a frame another picture.
light_source {
  <-5, 7, -4> rgb <1.0, 0.93, 0.82> * 1.15
  area_light <2, 0, 0>, <0, 0, 2>, 5, 5 adaptive 1 orient circular
}
light_source { <6, 3, -5> rgb <0.25, 0.33, 0.5> shadowless }

sky_sphere {
  pigment {
    gradient y
    color_map { [0.0 rgb <0.62, 0.68, 0.78>] [0.35 rgb <0.16, 0.22, 0.36>] [1.0 rgb <0.03, 0.04, 0.10>] }
  }
}

plane {
  y, -1
  pigment { checker rgb <0.58, 0.56, 0.52> rgb <0.20, 0.21, 0.24> scale 0.9 }
  finish { ambient 0.05 diffuse 0.7 reflection { 0.04, 0.35 fresnel off } }
  normal { bumps 0.03 scale 0.4 }
}

sphere {
  <0, 0.8, 0>, 0.82
  material {
    texture {
      pigment { rgbt <0.96, 0.99, 1.0, 0.97> }
      finish { ambient 0 diffuse 0 specular 0.9 roughness 0.0008 reflection { 0.02, 1 fresnel on } conserve_energy }
    }
    interior { ior 1.5 }
  }
}

// Bead is one of the knot: k runs round it, and the colour with k.
#macro Bead(k)
  #local A = 2 * pi * k;
  #local R = 1.75 + 0.62 * cos(3 * A);
  #local Hue = <0.55 + 0.45 * cos(A), 0.42 + 0.40 * cos(A + 2.1), 0.45 + 0.45 * cos(A + 4.2)>;
  sphere {
    <R * cos(2 * A), 0.8 + 0.62 * sin(3 * A + 2 * pi * clock), R * sin(2 * A)>, 0.115
    pigment { rgb Hue }
    finish { ambient 0.06 diffuse 0.65 phong 0.8 phong_size 90 reflection 0.12 }
  }
#end

union {
  #for (I, 0, Beads - 1)
    Bead(I / Beads)
  #end
  rotate y * Turn
}
