package main

// fresnel is the share of light that is mirrored (Schlick's approximation): a
// glaze mirrors little looked at straight and much at a flat angle.
func (m *material) fresnel(normal, dir vec) vec {
	if m.gloss.most() <= 0 {
		return vec{}
	}
	c := 1 - min(1, max(0, -normal.dot(dir)))
	f := c * c * c * c * c
	f *= 1 - m.roughness // a dull surface does not mirror at a flat angle either
	return mix(m.gloss, vec{1, 1, 1}, f).scale(0.98)
}

// mirror continues the path from the surface by a reflection off one of its
// facets. ok is false where it would go into the surface.
func (sf *surface) mirror(p *path, weight vec, rnd *sampler) (next path, ok bool) {
	u, v := rnd.two()
	out := reflect(p.dir, facet(sf.normal, sf.mat.roughness, u, v))
	if out.dot(sf.face) <= 0 { // the smooth normal leans too far here
		out = reflect(p.dir, sf.face)
	}
	return sf.onward(p, out, weight, true)
}

func reflect(dir, normal vec) vec {
	return dir.sub(normal.scale(2 * dir.dot(normal))).unit()
}

// scatter continues the path from the surface in any direction.
func (sf *surface) scatter(p *path, weight vec, rnd *sampler) (next path, ok bool) {
	u, v := rnd.two()
	return sf.onward(p, hemisphere(sf.normal, u, v), weight, false)
}

func (sf *surface) onward(p *path, dir, weight vec, sharp bool) (next path, ok bool) {
	next = path{from: sf.at.add(sf.face.scale(epsilon)), dir: dir, weight: p.weight.mul(weight), sharp: sharp}
	return next, dir.dot(sf.face) > 0 && next.weight.most() > 0
}

// diffused is the share of light from a direction that is scattered back along
// the ray, times pi.
func (sf *surface) diffused(dir, to vec) vec {
	return vec{1, 1, 1}.sub(sf.mat.fresnel(sf.normal, dir)).mul(sf.mat.diffuse).scale(sf.normal.dot(to))
}

// reflected is diffused and the highlight that the sun makes, whose width a
// sharper lobe than this roughness would turn into noise.
func (sf *surface) reflected(dir, to vec) vec {
	got := sf.diffused(dir, to)
	if sf.mat.gloss.most() <= 0 {
		return got
	}
	a := max(sf.mat.roughness, 0.05)
	c := sf.normal.dot(to.sub(dir).unit())
	k := c*c*(a*a-1) + 1
	return got.add(sf.mat.fresnel(sf.normal, dir).scale(a * a / (4 * k * k)))
}
