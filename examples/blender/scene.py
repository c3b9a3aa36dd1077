"""Makes wave.blend: a field of columns through which a wave runs, once round in 24 frames.

    blender --background --python scene.py
"""
import math
import os

import bpy

FRAMES = 24
SIDE = 9  # columns in a row


def material(name, colour, metallic, roughness):
    m = bpy.data.materials.new(name)
    m.use_nodes = True
    shader = m.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Metallic"].default_value = metallic
    shader.inputs["Roughness"].default_value = roughness
    return m


def column(x, y):
    """A column whose height follows the wave; how far it is from the middle delays it."""
    distance = math.hypot(x, y)
    bpy.ops.mesh.primitive_cube_add(size=0.86, location=(x, y, 0))
    cube = bpy.context.object
    warm = 0.5 + 0.5 * math.cos(distance * 0.9)
    cube.data.materials.append(material("column", (0.85 * warm + 0.05, 0.16, 0.75 * (1 - warm) + 0.08), 0.3, 0.3))
    for frame in range(1, FRAMES + 2):
        height = 1.5 + 0.9 * math.sin(2 * math.pi * (frame - 1) / FRAMES - distance)
        cube.scale.z = height
        cube.location.z = height * 0.43
        cube.keyframe_insert("scale", index=2, frame=frame)
        cube.keyframe_insert("location", index=2, frame=frame)


def light():
    bpy.ops.object.light_add(type="SUN", rotation=(0.75, 0.1, 0.6))
    bpy.context.object.data.energy = 3.5
    bpy.context.object.data.angle = 0.05
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.35, 0.45, 0.65, 1)
    bpy.context.scene.world = world


def camera():
    bpy.ops.object.camera_add(location=(9.5, -9.5, 9.0), rotation=(math.radians(56), 0, math.radians(45)))
    bpy.context.object.data.lens = 42
    bpy.context.scene.camera = bpy.context.object


def settings():
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 16
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = 480, 270
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1


bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_plane_add(size=60)
bpy.context.object.data.materials.append(material("floor", (0.55, 0.55, 0.58), 0.0, 0.6))
for row in range(SIDE):
    for place in range(SIDE):
        column(place - SIDE // 2, row - SIDE // 2)
light()
camera()
settings()
bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath("wave.blend"), compress=True)
